"""Bootstrap intervals (Efron 1979, percentile) of scores and of paired drops; the seed is fixed, so that they are reproducible."""
import numpy as np

RESAMPLES = 4000


def _counts(units):
    """How often each unit is drawn, one row per resample."""
    return np.random.default_rng(1).multinomial(units, np.full(units, 1 / units), RESAMPLES)


def interval(score, confidence=0.95):
    """Value, low and high."""
    got, possible = score.per_unit()
    counts = _counts(len(got))
    low, high = np.quantile(counts @ got / (counts @ possible), [(1 - confidence) / 2, (1 + confidence) / 2])
    return score.value, float(low), float(high)


def _paired(before, after):
    if not np.array_equal(before.unit, after.unit) or not np.array_equal(before.possible, after.possible):
        raise ValueError("the two scores are not of the same samples")
    got, possible = before.per_unit()
    return got - after.per_unit()[0], possible


def drop(before, after, confidence=0.95):
    """before - after on the same samples: value, low and high."""
    lost, possible = _paired(before, after)
    counts = _counts(len(lost))
    low, high = np.quantile(counts @ lost / (counts @ possible), [(1 - confidence) / 2, (1 + confidence) / 2])
    return before.value - after.value, float(low), float(high)


def drop_bound(before, after, confidence=0.95):
    """The one-sided upper bound of the drop. One more unit is resampled: it loses as much as the worst that was seen, or the least that
    a loss can be. Without it no loss among n units would prove that there is none; with it the bound is 3 / n, as binomial tables say."""
    lost, possible = _paired(before, after)
    lost, possible = np.append(lost, max(before.grain, lost.max())), np.append(possible, possible.mean())
    counts = _counts(len(lost))
    return float(np.quantile(counts @ lost / (counts @ possible), confidence))
