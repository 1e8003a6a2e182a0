"""Tests of tools/evaluation; run by test/suites/eval, which tools/check counts."""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/evaluation"))
import balance, intervals, metrics, plot, routing, tasks, words  # noqa: E402
from engines import OnnxRuntime, open_engine  # noqa: E402
from metrics import Score  # noqa: E402
from places import BUILD, MODELS  # noqa: E402


def interpret(model, passes, work, feeds):
    """The outputs of a model after some passes, on the interpreter."""
    inputs, outputs = pathlib.Path(work) / "in", pathlib.Path(work) / "out"
    inputs.mkdir(exist_ok=True)
    for name, value in feeds.items():
        np.save(inputs / f"{name}.npy", value)
    (inputs.parent / "list").write_text(f"case\t{model}\t{inputs}\t{outputs}\n")
    said = subprocess.run([BUILD / "bin/eval-model", f"--passes={passes}", inputs.parent / "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if said.split("\t")[1] != "ok":
        raise RuntimeError(said)
    return [np.load(outputs / f"output_{i}.npy") for i in range(len(list(outputs.iterdir())))]


class Metrics(unittest.TestCase):
    def test_edit_distance(self):
        for a, b, expected in (("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0)):
            self.assertEqual(metrics.edit_distance(a, b), expected)
            self.assertEqual(metrics.edit_distance(b, a), expected)

    def test_ctc_drops_repeats_then_blanks(self):
        path = [0, 1, 1, 0, 1, 2, 2, 0]  # - a a - a b b -
        self.assertEqual(metrics.ctc_text(np.eye(3)[path], ["", "a", "b"]), "aab")
        self.assertEqual(metrics.ctc_text(np.eye(3)[[0, 0]], ["", "a", "b"]), "")

    def test_spearman(self):
        self.assertAlmostEqual(metrics.spearman([1, 2, 3, 4], [10, 20, 25, 99]), 1)
        self.assertAlmostEqual(metrics.spearman([1, 2, 3, 4], [4, 3, 2, 1]), -1)
        # Ties share the mean of their ranks: (1, 2.5, 2.5, 4) against (1, 2, 3, 4) is 4.5 / sqrt(4.5 * 5).
        self.assertAlmostEqual(metrics.spearman([1, 5, 5, 9], [1, 2, 3, 4]), np.sqrt(0.9))
        self.assertEqual(metrics.spearman([1, 1, 1], [1, 2, 3]), 0)

    def test_a_score_is_a_ratio_of_sums(self):
        score = Score.of([4, 0], [4, 6], ["a", "b"])
        self.assertAlmostEqual(score.value, 0.4)
        again = Score.from_json(score.to_json())
        self.assertEqual((again.value, list(again.unit)), (score.value, ["a", "b"]))


class Intervals(unittest.TestCase):
    def test_binomial(self):
        # 80 of 100: the normal approximation is 0.8 +- 1.96 * 0.04.
        value, low, high = intervals.interval(Score.of([1] * 80 + [0] * 20))
        self.assertEqual(value, 0.8)
        self.assertAlmostEqual(low, 0.72, delta=0.015)
        self.assertAlmostEqual(high, 0.88, delta=0.015)

    def test_samples_of_one_unit_are_not_independent(self):
        got = np.repeat([1] * 80 + [0] * 20, 4)
        wide, narrow = (intervals.interval(Score.of(got, unit=unit)) for unit in (np.repeat(np.arange(100), 4), None))
        self.assertAlmostEqual((wide[2] - wide[1]) / (narrow[2] - narrow[1]), 2, delta=0.2)

    def test_paired_drop(self):
        before, after = Score.of([1] * 100, grain=1), Score.of([0] * 10 + [1] * 90, grain=1)
        value, low, high = intervals.drop(before, after)
        self.assertAlmostEqual(value, 0.1)
        self.assertTrue(0.02 < low < 0.06 and 0.14 < high < 0.19)
        self.assertEqual(intervals.drop(before, before), (0, 0, 0))

    def test_no_loss_seen_bounds_by_three_in_n(self):
        same = Score.of([1] * 300, grain=1)
        self.assertAlmostEqual(intervals.drop_bound(same, same), 3 / 301, delta=1e-6)
        smooth = Score.of([1] * 300)
        self.assertEqual(intervals.drop_bound(smooth, smooth), 0)

    def test_other_samples_are_refused(self):
        with self.assertRaises(ValueError):
            intervals.drop(Score.of([1, 1]), Score.of([1, 1], unit=[3, 4]))


class Routing(unittest.TestCase):
    def after(self, mode, rate, batches=80, experts=8, k=2):
        """Imbalance of the last quarter of the batches, under a router that prefers the first experts."""
        rng, counts = np.random.default_rng(0), []
        router = routing.Router(mode, rate, k, "softmax", np.zeros(experts))
        for _ in range(batches):
            chosen = router.route(rng.standard_normal((1024, experts)) + np.linspace(1.5, -1.5, experts))[1]
            counts.append(np.bincount(chosen.ravel(), minlength=experts))
        return routing.imbalance(np.sum(counts[-batches // 4:], 0))[0]

    def test_a_skewed_router_becomes_even(self):
        self.assertGreater(self.after("none", 0), 0.9)
        self.assertAlmostEqual(self.after("mix-by-load", 0.1), self.after("none", 0))  # it chooses the same experts
        self.assertTrue(0.3 < self.after("select-by-load", 0.1) < 0.7)  # rests where the loads make up for the skew
        self.assertLess(self.after("bias", 0.005), 0.1)

    def test_the_interpreter_agrees(self):
        """ds-moe-raise and ds-moe-balance on an exported layer, three batches with the state carried over, by lib/eval."""
        for mode in ("select-by-load", "mix-by-load", "bias"):
            options = argparse.Namespace(hidden=16, experts=8, chosen=2, tokens=40, batches=3, seed=0, skew=1.0, rate=0.05)
            skewed = balance.SkewedLayer(options)
            outputs, _, load = balance.simulate(skewed, mode, options)
            with tempfile.TemporaryDirectory() as work:
                skewed.write("D", f"{work}/layer.onnx")
                state = np.zeros(8, np.float32)
                for x, expected in zip(skewed.batches, outputs):
                    y, state = interpret(f"{work}/layer.onnx", f"ds-graph,ds-moe-raise,ds-moe-balance{{mode={mode} rate=0.05}}", work,
                                         {"x": x, "route0.load": state})
                    self.assertLess(np.abs(y - expected).max() / np.abs(expected).max(), 1e-5, mode)
            self.assertLess(np.abs(state - load).max(), 1e-6, mode)

    def test_the_compiled_layer_agrees(self):
        for mode in ("select-by-load", "mix-by-load", "bias"):
            options = argparse.Namespace(hidden=16, experts=8, chosen=2, tokens=200, batches=5, seed=0, skew=1.0, rate=0.05, mode=mode, form="B")
            skewed = balance.SkewedLayer(options)
            expected, _, load = balance.simulate(skewed, mode, options)
            outputs, state = balance.run_package(skewed, options)
            for y, right in zip(outputs, expected):
                self.assertLess(np.abs(y - right).max() / np.abs(right).max(), 1e-5, mode)
            self.assertLess(np.abs(state - load).max(), 1e-6, mode)

    def test_imbalance(self):
        even, one = routing.imbalance(np.array([5, 5, 5, 5])), routing.imbalance(np.array([8, 0, 0, 0]))
        self.assertTrue(np.allclose(even, (0, 0, 1)) and np.allclose(one, (np.sqrt(3), 3, 0)))

    def test_experts_weigh_their_rows(self):
        one = np.ones((2, 1, 1))
        y = routing.mix_experts(np.array([[1.0], [2.0]]), np.array([[1.0], [0.5]]), np.array([[0], [1]]), one, one, one * [[[3]], [[5]]])
        self.assertTrue(np.allclose(y[:, 0], [3 * routing.silu(1), 0.5 * 5 * 2 * routing.silu(2)]))


class Plots(unittest.TestCase):
    def draw(self, result):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "x.svg"
            plot.draw(result, path)
            root = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        return " ".join("".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text"))

    def test_sweep(self):
        row = lambda level, speed, value: {"level": level, "sparsity": level or 0, "ms": 10 / speed, "speedup": speed,
                                           "metrics": {"characters": [value, value - 0.01, value + 0.01]}}
        text = self.draw({"task": "ocr", "model": "m.onnx", "threads": 1, "metric": "characters", "rows": [row(None, 1, 1), row(0.0, 1, 1), row(0.5, 1.6, 0.97)]})
        for word in ("characters", "features closed", "speed, dense = 1", "50%", "m.onnx"):
            self.assertIn(word, text)

    def test_experts(self):
        site = {"node": "node '/layers.0/gate/TopK' (TopK)", "rows": [3, 1, 0, 4], "balance": 0.79, "entropy": 0.7}
        self.assertIn("/layers.0/gate/TopK: std/mean 0.79", self.draw({"experts": [site, site]}))


class Tasks(unittest.TestCase):
    def test_calibration_and_evaluation_are_apart(self):
        for name, task in tasks.TASKS.items():
            calibration, evaluation = (task().samples(split) for split in tasks.SPLITS)
            seen = {b"".join(v.tobytes() for v in s.feeds.values()) for s in calibration}
            both = [s for s in evaluation if b"".join(v.tobytes() for v in s.feeds.values()) in seen]
            self.assertEqual(len(both), 0, name)
            self.assertGreaterEqual(min(len(calibration), len(evaluation)), 200, name)

    def test_no_text_is_in_both_splits(self):
        first, second = (words.texts(split, 420, np.random.default_rng(1)) for split in tasks.SPLITS)
        self.assertFalse({t.lower() for t in first} & {t.lower() for t in second})
        self.assertEqual((len(first), len(set(first))), (420, 420))

    def test_pictures_are_reproducible(self):
        for kind in words.KINDS:
            one, two = (words.draw("Word", kind, np.random.default_rng(3)) for _ in range(2))
            self.assertTrue(np.array_equal(one, two) and one.shape[0] == words.HEIGHT and one.std() > 10, kind)

    def compare(self, name, count, least):
        """Each sample scores the same with our package as with ONNX Runtime."""
        task = tasks.TASKS[name]()
        samples = task.samples("evaluation", count)
        path = MODELS / task.model
        theirs, ours = (tasks.run_task(task, engine, samples) for engine in (OnnxRuntime(path), open_engine(path, "ds")))
        for metric, score in theirs.items():
            self.assertEqual(ours[metric].got.tolist(), score.got.tolist(), metric)
        first = next(iter(ours.values()))
        self.assertEqual(len(first.got), count)
        self.assertGreater(first.value, least)

    def test_digits(self):
        self.compare("digits", 599, 0.95)

    def test_ocr(self):
        self.compare("ocr", 36, 0.97)

    def tool(self, *arguments):
        return subprocess.run([ROOT / "tools/eval", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_drop_takes_saved_scores_of_the_same_data_only(self):
        with tempfile.TemporaryDirectory() as work:
            saved = pathlib.Path(work) / "scores.json"
            saved.write_text(self.tool("run", "--task", "digits", "--json").stdout)
            same = self.tool("drop", "--task", "digits", saved, MODELS / "digits_mlp.onnx")
            other = self.tool("drop", "--task", "digits", "--split", "calibration", saved, MODELS / "digits_mlp.onnx")
        self.assertIn("drop +0.00% [+0.00%, +0.00%], at most 0.50%", same.stdout)
        self.assertIn("has scores of digits, evaluation data", other.stderr)
        self.assertEqual((same.returncode, other.returncode), (0, 1))

    def test_sweep_and_max_drop(self):
        with tempfile.TemporaryDirectory() as work:
            json_file, svg, package = (pathlib.Path(work) / name for name in ("sweep.json", "sweep.svg", "gated.dsm"))
            swept = self.tool("sweep", "--task", "digits", "--sparsity", "0,50,90", "-o", json_file, "--plot", svg)
            self.assertEqual(swept.returncode, 0, swept.stderr)
            dense, none, half, most = json.loads(json_file.read_text())["rows"]
            self.assertIn("features closed", svg.read_text())
            chosen = self.tool("max-drop", "--task", "digits", "--max-drop", "2%", "-o", package)
            self.assertEqual(chosen.returncode, 0, chosen.stderr)
            bounds = [float(b) for b in re.findall(r"at most ([0-9.]+)%", chosen.stdout)]
            held_out = float(re.search(r"held-out data ([+-][0-9.]+)%", chosen.stdout)[1])
            samples = tasks.Digits().samples("evaluation")
            before, after = (tasks.run_task(tasks.Digits(), open_engine(path, "ds"), samples)["accuracy"] for path in (MODELS / "digits_mlp.onnx", package))
        self.assertEqual(none["metrics"], dense["metrics"])  # threshold 0 closes nothing
        self.assertTrue(0.4 < half["sparsity"] < 0.6 and most["sparsity"] > 0.85)
        self.assertTrue(half["drop"][0] < 0.02 < most["drop"][1])
        self.assertTrue(all(b <= 2 for b in bounds[:-1]) and len(bounds) > 3)
        self.assertAlmostEqual(held_out / 100, before.value - after.value, delta=5e-5)

    def test_data_is_keyed_by_input(self):
        with tempfile.TemporaryDirectory() as work:
            self.tool("data", "--task", "sentences", "--split", "calibration", "--limit", "2", "--out", work)
            files = sorted(pathlib.Path(work).iterdir())
            self.assertEqual([f.name for f in files], ["0000.npz", "0001.npz"])
            self.assertEqual(set(np.load(files[0])), {"input_ids", "attention_mask", "token_type_ids"})


result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]))
failed = len(result.failures) + len(result.errors)
print(f"eval: {result.testsRun - failed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
