"""Load-aware routing on a router skewed on purpose: how even the experts' loads get, and what that changes in the layer's output."""
import json
import pathlib
import sys
import tempfile

import numpy as np

from engines import Package, compile_model
from places import ROOT
from routing import MODES, Router, imbalance, mix_experts

WINDOW = 4  # the last quarter of the batches counts


class SkewedLayer:
    """A softmax router that prefers the first experts: feature 0 of each token is 1, and its row of the router falls from +skew to -skew."""

    def __init__(self, options):
        sys.path.insert(0, str(ROOT / "test/moe"))
        import moe_graphs

        self.dims = {"hidden": options.hidden, "width": options.hidden // 2, "experts": options.experts, "chosen": options.chosen, "seed": options.seed}
        layer = self.layer = moe_graphs.Layer(**self.dims)
        layer.router_weight *= 2 / np.sqrt(options.hidden)  # logits of deviation 1
        layer.router_weight[0] = np.linspace(options.skew, -options.skew, options.experts)
        rng = np.random.default_rng(options.seed + 1)
        self.batches = rng.standard_normal((options.batches, options.tokens, options.hidden)).astype(np.float32)
        self.batches[..., 0] = 1
        self.graphs = moe_graphs

    def write(self, form, path):
        """The layer as an exporter writes it, with the skewed router."""
        import onnx

        model = self.graphs.model(form, **self.dims)
        for tensor in model.graph.initializer:
            if tensor.name == "router":
                tensor.CopyFrom(onnx.numpy_helper.from_array(self.layer.router_weight, "router"))
        onnx.save(model, path)
        return path


def simulate(skewed, mode, options):
    """The output of each batch, the counts [batches, E], and the final load."""
    layer = skewed.layer
    router = Router(mode, options.rate, options.chosen, "softmax", np.zeros(options.experts))
    counts, outputs = [], []
    for x in skewed.batches.astype(np.float64):
        weights, chosen = router.route(x @ layer.router_weight)
        counts.append(np.bincount(chosen.ravel(), minlength=options.experts))
        outputs.append(mix_experts(x, weights, chosen, layer.gate, layer.up, layer.down))
    return outputs, np.array(counts), router.load


def compiled(skewed, options, work):
    """The layer as ds-compile raises and balances it."""
    source = skewed.write(options.form, f"{work}/layer.onnx")
    return Package(compile_model(source, f"{work}/layer.dsm", "--quiet", f"--moe-balance=mode={options.mode} rate={options.rate}"))


def run_package(skewed, options):
    """The same as `simulate`, by the compiled layer: the state goes out of a run and into the next."""
    with tempfile.TemporaryDirectory() as work:
        engine = compiled(skewed, options, work)
    (state,) = [name for name in engine.inputs if name.endswith(".load")]
    load, outputs = np.zeros(options.experts, np.float32), []
    for x in skewed.batches:
        results = engine.session.run({"x": x, state: load})
        outputs.append(results["y"])
        load = results[state + ".next"]
    return outputs, load


def summary(counts, outputs, dense):
    """What is told of a mode: imbalance of the first batch, of the last ones each and together, and how far the outputs are from the plain router's."""
    last = counts[-max(1, len(counts) // WINDOW):]
    coefficient, violation, entropy = imbalance(last.sum(0))
    change = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(outputs, dense)][-len(last):]
    return {"first": imbalance(counts[0])[0], "each": float(np.mean([imbalance(c)[0] for c in last])), "together": coefficient,
            "max violation": violation, "entropy": entropy, "output change": float(np.mean(change))}


def balance(options):
    skewed = SkewedLayer(options)
    floor = np.sqrt((options.experts - options.chosen) / (options.chosen * options.tokens))
    print(f"{options.experts} experts, {options.chosen} per token, {options.batches} batches of {options.tokens} tokens, router skewed by "
          f"{options.skew}; rate {options.rate}\nstd/mean of the load; a batch of even chances has about {floor:.3f}\n")
    print(f"{'mode':15} {'first':>7} {'each':>7} {'together':>9} {'MaxVio':>7} {'entropy':>8} {'output change':>14}")
    found, dense = {}, None
    for mode in MODES:
        outputs, counts, load = simulate(skewed, mode, options)
        dense = outputs if dense is None else dense
        row = found[mode] = summary(counts, outputs, dense)
        print(f"{mode:15} {row['first']:7.3f} {row['each']:7.3f} {row['together']:9.3f} {row['max violation']:7.3f} {row['entropy']:8.4f} {row['output change']:13.1%}")
        if mode == options.mode and options.package:
            compare(run_package(skewed, options), (outputs, load))
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps({"experts": options.experts, "chosen": options.chosen, "tokens": options.tokens,
                                                         "rate": options.rate, "skew": options.skew, "modes": found}))


def compare(ours, reference):
    """The compiled layer against NumPy's, over all batches: a routed row that went elsewhere would show in both."""
    outputs = [np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours[0], reference[0])]
    print(f"  compiled and run: largest difference of outputs {max(outputs):.1e} of the largest value, of the load {np.abs(ours[1] - reference[1]).max():.1e}")
