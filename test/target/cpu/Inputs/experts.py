"""Weights, inputs and, by plain NumPy, expected outputs of experts.mlir, into the folder given."""
import pathlib
import sys

import numpy as np

out, (tokens, hidden, width, experts, k) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:])
(out / "in").mkdir(parents=True, exist_ok=True)
(out / "expected").mkdir(exist_ok=True)
rng = np.random.default_rng(5)
router = rng.standard_normal((hidden, experts), np.float32)
gate_up = rng.standard_normal((experts, 2 * width, hidden), np.float32) / hidden**0.5
down = rng.standard_normal((experts, width, hidden), np.float32) / width**0.5
with open(out / "weights.bin", "wb") as file:
    for weight in (router, gate_up, down):
        file.write(weight.tobytes())
x = rng.standard_normal((tokens, hidden), np.float32)
logits = (x @ router).astype(np.float64)
p = np.exp(logits - logits.max(-1, keepdims=True))
p /= p.sum(-1, keepdims=True)
y = np.zeros((tokens, hidden))
for t in range(tokens):
    chosen = np.argsort(-p[t], kind="stable")[:k]
    for e, w in zip(chosen, p[t, chosen] / p[t, chosen].sum()):
        g, u = np.split(gate_up[e].astype(np.float64) @ x[t], 2)
        y[t] += w * ((g / (1 + np.exp(-g)) * u) @ down[e])
np.save(out / "in" / "x.npy", x)
np.save(out / "expected" / "output_0.npy", (y + x).astype(np.float32))
