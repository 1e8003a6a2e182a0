"""The tasks. Each has samples for calibration and, strictly apart, for evaluation; a sample is made of the model's inputs by name and of
what is right. `score(results, samples)` gives its metrics; the first one is what drops are measured in."""
import csv
import dataclasses
import gzip
import sys

import numpy as np

import words
from metrics import Score, ctc_text, edit_distance, spearman
from places import MODELS

SPLITS = ("calibration", "evaluation")


@dataclasses.dataclass
class Sample:
    feeds: dict  # what the model gets, in the order of its inputs
    right: object
    kind: str = ""


class Ocr:
    """PP-OCRv4's recogniser reads rendered words."""

    model = "ppocrv4_rec.onnx"
    count = 420

    def __init__(self):
        import onnx

        meta = {p.key: p.value for p in onnx.load(MODELS / self.model, load_external_data=False).metadata_props}
        self.alphabet = ["", *meta["character"].splitlines(), " "]

    def samples(self, split, limit=None):
        rng = np.random.default_rng(SPLITS.index(split) + 40)
        samples = []
        for i, text in enumerate(words.texts(split, self.count, rng)[:limit]):
            kind = words.KINDS[i % len(words.KINDS)]
            pixels = words.draw(text, kind, rng)[..., ::-1]  # the model was trained on BGR
            image = np.ascontiguousarray((pixels.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
            samples.append(Sample({"x": image}, text, kind))
        return samples

    def answer(self, outputs):
        return ctc_text(outputs[0][0], self.alphabet).strip()  # margins read as spaces

    def score(self, answers, samples):
        wrong = np.array([min(edit_distance(a, s.right), len(s.right)) for a, s in zip(answers, samples)])
        length = np.array([len(s.right) for s in samples])
        return {"characters": Score.of(length - wrong, length, grain=1), "words": Score.of(wrong == 0, grain=1)}


class Sentences:
    """MiniLM's embeddings: do they rank sentences as the f32 model's do, and is a paraphrase the nearest?"""

    model = "minilm.onnx"

    def __init__(self):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(MODELS / "minilm-tokenizer.json"))
        self.tokenizer.no_padding()
        self.reference = {}

    def samples(self, split, limit=None):
        groups = words.paragraphs()[SPLITS.index(split)]
        samples = []
        for number, group in enumerate(groups):
            for encoded in self.tokenizer.encode_batch(group):
                ids, mask, types = (np.array([getattr(encoded, field)], np.int64) for field in ("ids", "attention_mask", "type_ids"))
                samples.append(Sample({"input_ids": ids, "attention_mask": mask, "token_type_ids": types}, number))
        return samples[:limit]

    def answer(self, outputs):
        points = np.asarray(outputs[0], float)
        points = points.mean((0, 1)) if points.ndim == 3 else points[0]
        return points / max(np.linalg.norm(points), 1e-12)

    def _dense(self, samples):
        """Embeddings of the f32 model by ONNX Runtime, remembered."""
        from engines import OnnxRuntime

        engine, found = OnnxRuntime(MODELS / self.model), []
        for sample in samples:
            key = sample.feeds["input_ids"].tobytes()
            if key not in self.reference:
                self.reference[key] = self.answer(engine.run(sample.feeds))
            found.append(self.reference[key])
        return np.array(found)

    def score(self, answers, samples):
        points, dense = np.array(answers), self._dense(samples)
        near, near_dense = points @ points.T, dense @ dense.T
        others = ~np.eye(len(points), dtype=bool)
        agreement = [max(0.0, spearman(a[o], b[o])) for a, b, o in zip(near, near_dense, others)]
        label = np.array([s.right for s in samples])
        best, best_dense = (np.where(others, n, -np.inf).argmax(1) for n in (near, near_dense))
        first = np.argsort(np.where(others, -near, np.inf), 1)[:, :3]  # a sentence has three paraphrases
        return {"agreement": Score.of(agreement, unit=label), "same nearest": Score.of(best == best_dense, unit=label, grain=1),
                "paraphrase nearest": Score.of(label[best] == label, unit=label, grain=1),
                "paraphrases first": Score.of((label[first] == label[:, None]).sum(1), [3] * len(label), label, grain=1)}


class Digits:
    """Handwritten digits of 8 x 8 pixels (UCI, as scikit-learn carries them); a third trains the model, see tools/dev/digits-to-onnx."""

    model = "digits_mlp.onnx"

    def samples(self, split, limit=None):
        with gzip.open(MODELS / "digits.csv.gz", "rt") as file:
            rows = np.array(list(csv.reader(file)), np.float32)
        rows = np.array_split(rows[np.random.default_rng(0).permutation(len(rows))], 3)[1 + SPLITS.index(split)]
        return [Sample({"x": row[None, :64] / 16}, int(row[64])) for row in rows[:limit]]

    def answer(self, outputs):
        return int(outputs[0][0].argmax())

    def score(self, answers, samples):
        return {"accuracy": Score.of([a == s.right for a, s in zip(answers, samples)], grain=1)}


TASKS = {"ocr": Ocr, "sentences": Sentences, "digits": Digits}


def run_task(task, engine, samples):
    """{metric: Score}. The inputs of the sample go to the model's inputs of that name, or by their order."""
    answers = []
    for sample in samples:
        answers.append(task.answer(engine.run(feeds_for(engine.inputs, sample))))
    return task.score(answers, samples)


def feeds_for(names, sample):
    if set(names) == set(sample.feeds):
        return sample.feeds
    if len(names) != len(sample.feeds):
        sys.exit(f"eval: the model has inputs {names}, the task gives {list(sample.feeds)}")
    return dict(zip(names, sample.feeds.values()))
