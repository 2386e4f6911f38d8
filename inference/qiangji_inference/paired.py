"""How much AUC is lost between two scorings of the same recordings, with a paired interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qiangji_inference import metrics
from qiangji_inference.metrics import Estimate
from qiangji_inference.resampling import Floats, Ranked, drawn_weights, limits_of, owners_of


def macro_auc_lost(
    truth: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = metrics.RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Macro AUC before minus macro AUC after; above 0 the change cost separation.

    Parameters
    ----------
    truth, before, after
        (n, labels); truth 1, 0 or NaN. Labels without both classes are left out.
    groups
        (n,) patient of each row; whole patients are drawn. None: rows are drawn.

    Notes
    -----
    Each resample draws the same patients for both scorings, so that the interval is that of the
    difference and not of two independent figures.
    """
    y, old, new = (np.asarray(item, np.float64) for item in (truth, before, after))
    columns = [c for c in range(y.shape[1]) if metrics.auc(y[:, c], old[:, c]) is not None]
    if not columns:
        return Estimate(None)
    value = _lost(y, old, new, columns, np.ones((1, len(y))))[0]
    owners = owners_of(groups, np.zeros(len(y)))
    strata = np.zeros(int(owners.max()) + 1, np.intp)
    drawn = [
        _lost(y, old, new, columns, weights)
        for weights in drawn_weights(owners, strata, resamples, seed)
    ]
    return Estimate(float(value), *limits_of(np.concatenate(drawn)))


def _lost(y: Floats, old: Floats, new: Floats, columns: list[int], weights: Floats) -> Floats:
    """(draws,) difference of the means over the columns."""
    each = []
    for column in columns:
        keep = ~np.isnan(y[:, column])
        truth = y[keep, column]
        first, second = (
            metrics.auc_statistic(*Ranked.of(truth, s[keep, column]).weighted(weights[:, keep]))
            for s in (old, new)
        )
        each.append(first - second)
    return np.asarray(np.mean(each, axis=0))
