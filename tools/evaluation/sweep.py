"""What gates cost and gain: a model compiled at several sparsities, scored on its task and timed."""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import intervals
from engines import Package, compile_model, speed
from places import BUILD, MODELS
from tasks import TASKS, feeds_for, run_task

TIMED = 16  # samples of a latency


def calibrate(path, task, options, work):
    """The file of thresholds: one path of levels, from calibration data."""
    if options.gates:
        return options.gates
    inputs, out = pathlib.Path(work) / "calibration", f"{work}/gates.json"
    inputs.mkdir()
    with_names = compile_and_open(path, work, "plain").inputs
    for i, sample in enumerate(task.samples("calibration", options.samples)):
        np.savez(inputs / f"{i:04}.npz", **feeds_for(with_names, sample))
    command = [BUILD / "bin/ds-opt", path, "--ds-graph", "--ds-sparsity-insert-gates",
               f"--ds-sparsity-calibrate=inputs={inputs} thresholds-out={out}", "-o", "/dev/null"]
    result = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{result.stderr}eval: ds-opt ended with exit code {result.returncode}")
    if not pathlib.Path(out).exists():
        sys.exit(f"eval: {path} has no layer that ds-sparsity-insert-gates finds worth a gate")
    return out


def compile_and_open(path, work, name, *flags, threads=1):
    return Package(compile_model(path, f"{work}/{name}.dsm", "--quiet", *flags), threads)


class Gated:
    """One model at the levels of one file of thresholds; level None is the model as it is."""

    def __init__(self, options, work):
        self.task = TASKS[options.task]()
        self.path, self.options, self.work = options.model or MODELS / self.task.model, options, work
        self.file = calibrate(self.path, self.task, options, work)
        self.levels = {level["target"]: level for level in json.loads(pathlib.Path(self.file).read_text())["levels"]}
        self.samples = {split: self.task.samples(split, options.limit) for split in ("calibration", "evaluation")}

    def nearest(self, target):
        return min(self.levels, key=lambda level: abs(level - target))

    def open(self, level):
        flags = [] if level is None else [f"--gates={self.file}", f"--gates-level={level}"]
        return compile_and_open(self.path, self.work, f"level-{level}", *flags, threads=self.options.threads)

    def scores(self, engine, split):
        return run_task(self.task, engine, self.samples[split])

    def metric(self, scores):
        """The one that counts: the task's first unless another was asked for."""
        name = self.options.metric or next(iter(scores))
        if name not in scores:
            sys.exit(f"eval: {self.options.task} has no metric '{name}', but {', '.join(scores)}")
        return name

    def speed(self, engine, dense):
        return speed(engine, dense, [feeds_for(engine.inputs, s) for s in self.samples["evaluation"][:TIMED]])


def row_of(gated, level, engine, dense_engine, dense):
    """One line of the table: accuracy with its interval, what was lost against the dense scores, latency beside the dense engine's."""
    scores = gated.scores(engine, "evaluation")
    seconds, faster = gated.speed(engine, dense_engine)
    metric = gated.metric(scores)
    return {"level": level, "sparsity": 0.0 if level is None else gated.levels[level]["sparsity"], "ms": 1e3 * seconds, "speedup": faster,
            "drop": intervals.drop(dense[metric], scores[metric]), "metrics": {name: intervals.interval(score) for name, score in scores.items()}}


def sweep(options):
    with tempfile.TemporaryDirectory() as work:
        gated = Gated(options, work)
        plain = gated.open(None)
        dense = gated.scores(plain, "evaluation")
        metric = gated.metric(dense)
        print(f"{gated.task.model}, {options.task}: {len(gated.samples['evaluation'])} evaluation samples, threads: {options.threads}\n"
              f"{'level':>6} {'sparsity':>9} {metric:>18} {'95% interval':>20} {'drop':>8} {'95% interval':>20} {'ms':>8} {'speed':>7}")
        rows = []
        for level in [None, *(gated.nearest(target) for target in options.sparsity)]:
            rows.append(row_of(gated, level, plain if level is None else gated.open(level), plain, dense))
            print_row(rows[-1], metric)
    result = {"format": "ds-eval-sweep-1", "task": options.task, "model": gated.task.model, "metric": metric, "threads": options.threads, "rows": rows}
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps(result))
    if options.plot:
        import plot

        plot.draw(result, options.plot)


def print_row(row, metric):
    value, low, high = row["metrics"][metric]
    lost, least, most = row["drop"]
    name = "dense" if row["level"] is None else f"{row['level']:.0%}"
    print(f"{name:>6} {row['sparsity']:9.1%} {value:18.2%} {f'[{low:.2%}, {high:.2%}]':>20} {lost:+8.2%} {f'[{least:+.2%}, {most:+.2%}]':>20} "
          f"{row['ms']:8.2f} {row['speedup']:6.2f}x", flush=True)


def max_drop(options):
    """Levels are tried from the sparsest-but-harmless up, and the first whose bound is too high ends it: that order of tests keeps the
    error at 5% however many there are."""
    with tempfile.TemporaryDirectory() as work:
        gated = Gated(options, work)
        plain = gated.open(None)
        dense = gated.scores(plain, "calibration")
        metric, chosen = gated.metric(dense), None
        for level in sorted(gated.levels):
            bound = intervals.drop_bound(dense[metric], gated.scores(gated.open(level), "calibration")[metric])
            print(f"level {level:.0%}, sparsity {gated.levels[level]['sparsity']:.1%}: drop of '{metric}' on calibration data at most {bound:.2%}", flush=True)
            if bound > options.max_drop:
                break
            chosen = level
        if chosen is None:
            sys.exit(f"eval: no level keeps the drop below {options.max_drop:.2%} with 95% confidence")
        lost, low, high = intervals.drop(gated.scores(plain, "evaluation")[metric], gated.scores(gated.open(chosen), "evaluation")[metric])
        print(f"chosen: level {chosen:.0%}; drop on held-out data {lost:+.2%} [{low:+.2%}, {high:+.2%}]")
        if options.out:
            compile_model(gated.path, options.out, f"--gates={gated.file}", f"--gates-level={chosen}")
