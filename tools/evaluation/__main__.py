"""Scores of trained models on real tasks: text recognition, sentence embeddings, digits.

MODEL is a compiled package (.dsm), or an ONNX file, run by ONNX Runtime or, with --engine ds, compiled first. Calibration and evaluation
data are strictly apart: thresholds are chosen on the one, what they cost is told on the other."""
import argparse
import json
import pathlib
import sys

import numpy as np

import intervals
from engines import open_engine
from metrics import Score
from tasks import SPLITS, TASKS, feeds_for, run_task


def scores_of(task, path, options):
    """{metric: Score} of a model, or as an earlier `run --json` saved them; and what ran."""
    if str(path).endswith(".json"):
        saved = json.loads(pathlib.Path(path).read_text())
        if (saved["task"], saved["split"]) != (options.task, options.split):
            sys.exit(f"eval: {path} has scores of {saved['task']}, {saved['split']} data; say --task {saved['task']} --split {saved['split']}")
        return {name: Score.from_json(entry["score"]) for name, entry in saved["metrics"].items()}, saved["engine"]
    engine = open_engine(path, options.engine, options.threads)
    return run_task(task, engine, task.samples(options.split, options.limit)), engine.name


def run(options):
    task = TASKS[options.task]()
    scores, engine = scores_of(task, options.model or default_model(task), options)
    metrics = {name: dict(zip(("value", "low", "high"), intervals.interval(score))) for name, score in scores.items()}
    if options.json:
        entries = {name: {**entry, "score": scores[name].to_json()} for name, entry in metrics.items()}
        print(json.dumps({"task": options.task, "split": options.split, "engine": engine, "metrics": entries}))
        return
    count = len(next(iter(scores.values())).got)
    print(f"{options.task}, {count} {options.split} samples, {engine}")
    for name, entry in metrics.items():
        print(f"  {name:20} {entry['value']:7.2%}   [{entry['low']:.2%}, {entry['high']:.2%}]")
    if options.kinds:
        by_kind(task.samples(options.split, options.limit), scores)


def by_kind(samples, scores):
    """The scores of each kind of sample, as distortions of words."""
    kinds = np.array([sample.kind for sample in samples])
    for kind in sorted(set(kinds) - {""}):
        picked = kinds == kind
        values = (f"{name} {s.got[picked].sum() / s.possible[picked].sum():.2%}" for name, s in scores.items())
        print(f"  {kind:20} {', '.join(values)}   ({picked.sum()} samples)")


def default_model(task):
    from places import MODELS

    return MODELS / task.model


def data(options):
    task, out = TASKS[options.task](), pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    names = open_engine(default_model(task)).inputs if options.model is None else open_engine(options.model).inputs
    samples = task.samples(options.split, options.limit)
    for i, sample in enumerate(samples):
        np.savez(out / f"{i:04}.npz", **feeds_for(names, sample))
    print(f"{len(samples)} {options.split} samples of {options.task} in {out}")


def drop(options):
    task = TASKS[options.task]()
    before, after = (scores_of(task, path, options)[0] for path in (options.before, options.after))
    for name in before:
        value, low, high = intervals.drop(before[name], after[name])
        bound = intervals.drop_bound(before[name], after[name])
        print(f"  {name:20} {before[name].value:7.2%} -> {after[name].value:7.2%}   drop {value:+.2%} [{low:+.2%}, {high:+.2%}], at most {bound:.2%}")


def sweep(options):
    import sweep as sweeping

    sweeping.sweep(options)


def max_drop(options):
    import sweep as sweeping

    sweeping.max_drop(options)


def plot(options):
    import plot as plotting

    plotting.plot(options.results, options.out)


def percent(text):
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def levels(text):
    return [float(part) / 100 for part in text.split(",")]


def balance(options):
    import balance as balancing

    balancing.balance(options)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tools/eval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--task", choices=TASKS, required=True)
    common.add_argument("--limit", type=int, metavar="N", help="only the first N samples")
    common.add_argument("--engine", choices=("auto", "ort", "ds"), default="auto", help="what runs an .onnx (ONNX Runtime)")
    common.add_argument("--threads", type=int, default=1)
    split = argparse.ArgumentParser(add_help=False)
    split.add_argument("--split", choices=SPLITS, default="evaluation")

    def command(function, name, help, *parents):
        sub = commands.add_parser(name, help=help, description=help, parents=parents)
        sub.set_defaults(function=function)
        return sub

    sub = command(run, "run", "scores of a model, each with its 95%% interval", common, split)
    sub.add_argument("model", nargs="?", metavar="MODEL", help="the trained one that the task is made for")
    sub.add_argument("--json", action="store_true", help="one line of JSON, with the score of each sample")
    sub.add_argument("--kinds", action="store_true", help="also per kind of sample")
    sub = command(data, "data", "writes the samples as .npz files keyed by the model's inputs", common, split)
    sub.add_argument("model", nargs="?", metavar="MODEL")
    sub.add_argument("--out", required=True, metavar="DIR")
    sub = command(drop, "drop", "what the second model loses against the first, on the same samples, with the 95%% interval", common, split)
    sub.add_argument("before", metavar="A", help="a model, or what `run --json` printed")
    sub.add_argument("after", metavar="B")
    sub = command(sweep, "sweep", "accuracy and latency at several sparsities", common)
    sub.add_argument("model", nargs="?", metavar="MODEL.onnx")
    sub.add_argument("--sparsity", type=levels, default=levels("0,10,20,30,40,50,60,70,80,90"), metavar="0,10,..90", help="in percent")
    sub.add_argument("--gates", metavar="FILE", help="thresholds by ds-sparsity-calibrate; made on calibration data if not given")
    sub.add_argument("--metric", metavar="NAME", help="that counts (the task's first)")
    sub.add_argument("--samples", type=int, default=16, metavar="N", help="of the calibration data, for the thresholds (16)")
    sub.add_argument("-o", "--out", metavar="FILE.json")
    sub.add_argument("--plot", metavar="FILE.svg", help="also draws it")
    sub = command(max_drop, "max-drop", "the most sparsity at which the upper 95%% bound of the drop on calibration data is allowed", common)
    sub.add_argument("model", nargs="?", metavar="MODEL.onnx")
    sub.add_argument("--max-drop", type=percent, default=0.01, metavar="1%", help="of the metric, in points (1%%)")
    sub.add_argument("--gates", metavar="FILE", help="thresholds by ds-sparsity-calibrate; made on calibration data if not given")
    sub.add_argument("--metric", metavar="NAME", help="that counts (the task's first)")
    sub.add_argument("--samples", type=int, default=16, metavar="N", help="of the calibration data, for the thresholds (16)")
    sub.add_argument("-o", "--out", metavar="FILE.dsm", help="the package with these gates")
    sub = command(plot, "plot", "draws what `sweep -o` or `ds-run --stats --json` wrote, as SVG")
    sub.add_argument("results", metavar="FILE.json")
    sub.add_argument("-o", "--out", required=True, metavar="FILE.svg")
    sub = command(balance, "balance", "load-aware routing on a router skewed on purpose: evenness, and the change of the output")
    for name, value in (("experts", 8), ("chosen", 2), ("tokens", 2048), ("batches", 300), ("hidden", 64), ("seed", 0)):
        sub.add_argument(f"--{name}", type=int, default=value, help=f"({value})")
    sub.add_argument("--skew", type=float, default=1.5, help="of the logits, from the first expert to the last (1.5)")
    sub.add_argument("--rate", type=float, default=0.003, help="of the state (0.003)")
    sub.add_argument("--mode", choices=("select-by-load", "mix-by-load", "bias"), default="bias", help="for --package (bias)")
    sub.add_argument("--package", action="store_true", help="also compiles the layer, runs it, and compares")
    sub.add_argument("--form", default="D", help="how the compiled layer is written, see test/moe/moe_graphs.py (D)")
    sub.add_argument("-o", "--out", metavar="FILE.json")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    options = parse(sys.argv[1:])
    options.function(options)
