"""What a task counts: edit distance, CTC decoding, rank correlation; and scores that can be resampled."""
import dataclasses

import numpy as np


def edit_distance(a, b):
    """Levenshtein's: the fewest insertions, deletions, substitutions that make b from a."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def ctc_text(scores, alphabet):
    """The best path of scores [T, C], repeats and blanks (class 0) dropped. (Graves et al., ICML 2006.)"""
    best = np.asarray(scores).argmax(1)
    return "".join(alphabet[c] for i, c in enumerate(best) if c and (i == 0 or c != best[i - 1]))


def ranks(values):
    """1 for the smallest; equal values share the mean of their ranks."""
    values = np.asarray(values)
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def spearman(a, b):
    """Correlation of the ranks; 0 where one side is constant."""
    x, y = ranks(a), ranks(b)
    x, y = x - x.mean(), y - y.mean()
    norm = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / norm) if norm else 0.0


@dataclasses.dataclass
class Score:
    """One metric, sample by sample: its value is sum(got) / sum(possible). Samples of one unit are resampled together."""

    got: np.ndarray
    possible: np.ndarray
    unit: np.ndarray
    grain: float  # the least that a sample can lose: 1 where it is all or nothing, 0 where scores are smooth

    @staticmethod
    def of(got, possible=None, unit=None, grain=0.0):
        got = np.asarray(got, float)
        return Score(got, np.ones(len(got)) if possible is None else np.asarray(possible, float),
                     np.arange(len(got)) if unit is None else np.asarray(unit), grain)

    @property
    def value(self):
        return float(self.got.sum() / self.possible.sum())

    def per_unit(self):
        """(got, possible) summed over each unit."""
        _, unit = np.unique(self.unit, return_inverse=True)
        return np.bincount(unit, self.got), np.bincount(unit, self.possible)

    def to_json(self):
        return {"got": self.got.tolist(), "possible": self.possible.tolist(), "unit": self.unit.tolist(), "grain": self.grain}

    @staticmethod
    def from_json(entry):
        return Score.of(entry["got"], entry["possible"], entry["unit"], entry["grain"])
