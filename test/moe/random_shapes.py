"""Random mixture-of-experts layers in several exported forms: each is raised, all to the same ops, and computes what ONNX Runtime does.

    random_shapes.py BIN [--count N] [--seed S] [--forms B,D,...]

BIN is the folder of ds-opt and eval-model. Experts 4..256, chosen 1..8, tokens 1..2048 (a symbolic size or a constant), all routers and
activations, with and without a shared expert. Ends with `moe-shapes: N passed, N failed, N skipped`.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

import moe_graphs

LARGE = ("A", "A'", "C")  # their graphs grow with the number of experts


def random_layer(rng):
    """The dims of a moe_graphs.Layer and the number of tokens to run it with."""
    pick = lambda *values: values[rng.integers(len(values))]
    router = pick(*moe_graphs.ROUTERS)
    experts = pick(4, 5, 7, 8, 16, 30, 64, 128, 256)
    if router == "deepseek":
        experts += experts % 2
    open_experts = experts // 2 if router == "deepseek" else experts
    tokens = pick(1, 1, 2, 3, int(rng.integers(4, 64)), int(rng.integers(64, 2049)))
    width, hidden = int(rng.integers(2, 24)), int(rng.integers(2, 24))
    dims = dict(experts=experts, chosen=int(rng.integers(1, min(8, open_experts) + 1)), hidden=hidden, width=width, router=router,
                activation=pick("silu", "silu", "gelu", "relu", "identity"), shared=pick("none", "plain", "gated"),
                joined=int(rng.integers(2)), seed=int(rng.integers(1 << 30)), tokens=tokens if rng.integers(3) == 0 else 0)
    return dims, tokens


def reference(model, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def raised(ds_opt, path):
    """The route and the experts in the raised model, without names."""
    run = subprocess.run([ds_opt, path, "--ds-moe-raise"], capture_output=True, text=True)
    if run.returncode:
        return [run.stderr.strip().splitlines()[-1]]
    return [re.sub(r"%[^ ,:]+", "%", line.strip()) for line in run.stdout.splitlines() if "= ds.route" in line or "= ds.experts" in line]


def evaluated(eval_model, work, cases):
    """What the interpreter makes of each raised model; None where it fails."""
    lines = [f"{name}\t{work}/{name}.onnx\t{work}/{name}.in\t{work}/{name}.out" for name in cases]
    (work / "list").write_text("\n".join(lines) + "\n")
    run = subprocess.run([eval_model, work / "list", "--passes=ds-moe-raise"], capture_output=True, text=True)
    results = {line.split("\t")[0]: line.split("\t") for line in run.stdout.splitlines()}
    for name in cases:
        good = results.get(name, ["", "crash", ""])
        yield numpy.load(work / f"{name}.out/output_0.npy") if good[1] == "ok" else good[2]


def check_layer(tools, work, forms, dims, tokens, seed):
    """A reason per form, empty where all is well."""
    x = numpy.random.default_rng(seed).standard_normal((tokens, dims["hidden"])).astype(numpy.float32)
    fused = dims["router"] in ("softmax", "softmax_plain") and dims["activation"] != "gelu"
    forms = [form for form in forms if form != "F" or fused]
    forms = [form for form in forms if form not in LARGE or dims["experts"] <= 16]
    names, expected = {}, None
    for i, form in enumerate(forms):
        name = names[form] = f"form{i}"
        model = moe_graphs.model(form, **dims)
        onnx.save(model, work / f"{name}.onnx")
        (work / f"{name}.in").mkdir(exist_ok=True)
        numpy.save(work / f"{name}.in/x.npy", x)
        expected = reference(model, x) if expected is None and form != "F" else expected
    raised_ops = {form: raised(tools / "ds-opt", work / f"{name}.onnx") for form, name in names.items()}
    for form, got in zip(forms, evaluated(tools / "eval-model", work, list(names.values()))):
        error = got if isinstance(got, str) else float(numpy.abs(got - expected).max() / max(1e-6, numpy.abs(expected).max()))
        why = [f"{len(raised_ops[form])} raised ops instead of 2: {raised_ops[form]}"] if len(raised_ops[form]) != 2 else []
        why += ["raised to other ops than " + forms[0]] if raised_ops[form] != raised_ops[forms[0]] else []
        why += [f"error {error}"] if isinstance(error, str) or not error < 1e-4 else []
        yield form, "; ".join(why)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forms", default=",".join(moe_graphs.FORMS))
    args = parser.parse_args()
    passed = failed = 0
    for case in range(args.count):
        dims, tokens = random_layer(numpy.random.default_rng([args.seed, case]))
        with tempfile.TemporaryDirectory() as work:
            for form, why in check_layer(args.bin, pathlib.Path(work), args.forms.split(","), dims, tokens, case):
                passed, failed = passed + (not why), failed + bool(why)
                if why:
                    print(f"FAILED moe-shapes {form} {dims} on {tokens} tokens: {why}")
    print(f"moe-shapes: {passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
