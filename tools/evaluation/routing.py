"""A mixture-of-experts layer in NumPy, with load-aware routing by the formulas of ds.route: what `tools/eval balance` measures."""
import dataclasses

import numpy as np

MODES = ("none", "round-robin", "mix-by-load", "select-by-load", "bias")


def probabilities(logits, kind):
    if kind == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def best(scores, k):
    """[T, k]: the k largest of each row, the best first, equal ones in order."""
    return np.argsort(-scores, 1, kind="stable")[:, :k]


@dataclasses.dataclass
class Router:
    mode: str
    rate: float
    k: int
    score: str
    load: np.ndarray  # the state, [E]

    def route(self, logits):
        """Weights [T, k] and experts [T, k]; moves the load."""
        p = probabilities(logits, self.score)
        chosen = self._choose(p)
        weights = np.take_along_axis(p, chosen, 1)
        if self.mode == "mix-by-load":
            weights = weights / (self.load[chosen] + 1e-6)
        share = np.bincount(chosen.ravel(), minlength=p.shape[1]) / chosen.size
        if self.mode == "bias":
            self.load = self.load + self.rate * np.sign(1 / len(share) - share)
        elif self.mode in ("mix-by-load", "select-by-load"):
            self.load = (1 - self.rate) * self.load + self.rate * share
        return weights / weights.sum(1, keepdims=True), chosen

    def _choose(self, p):
        tokens, experts = p.shape
        if self.mode == "round-robin":
            return np.arange(tokens * self.k).reshape(tokens, self.k) % experts
        if self.mode == "bias":
            p = p + self.load
        if self.mode == "select-by-load" and self.load.mean() > 0:
            p = p / np.maximum(self.load / self.load.mean(), 1e-6)
        return best(p, self.k)


def silu(x):
    return x / (1 + np.exp(-x))


def mix_experts(x, weights, chosen, gate, up, down):
    """Gate and up [E, I, H], down [E, H, I], as torch keeps them; only routed rows are computed."""
    y = np.zeros_like(x)
    for e in range(len(up)):
        token, slot = np.nonzero(chosen == e)
        a = silu(x[token] @ gate[e].T) * (x[token] @ up[e].T)
        np.add.at(y, token, weights[token, slot, None] * (a @ down[e].T))
    return y


def imbalance(counts):
    """Balance coefficient (deviation / mean), MaxVio (most / mean - 1), entropy (share of the most possible)."""
    share = counts / counts.sum()
    positive = share[share > 0]
    return counts.std() / counts.mean(), counts.max() / counts.mean() - 1, -(positive * np.log(positive)).sum() / np.log(len(counts))
