"""Differences whose rows are not independent: messages of one channel, channels of one workspace.

The sandwich estimate CR1 (Liang and Zeger 1986; Cameron and Miller, "A practitioner's guide to cluster-robust
inference", 2015). Rows with two ends, an author and a channel, have two clusters (Cameron, Gelbach, Miller 2011).
"""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quikapp_ml.experiments.checks import Array, refused, same_length, sample
from quikapp_ml.experiments.effects import Effect

LEAST_CLUSTERS = 10


def clustered_effect(
    values: ArrayLike, treated: ArrayLike, clusters: ArrayLike, second_clusters: ArrayLike | None = None
) -> Effect:
    """Mean of the treated rows less that of the others. Its units are clusters: of the kind that has fewer."""
    rows, is_treated = sample("values", values), np.asarray(treated, dtype=bool)
    kinds = [_codes(one) for one in (clusters, second_clusters) if one is not None]
    same_length(values=rows, treated=is_treated, **{f"clusters_{place}": kind for place, kind in enumerate(kinds)})
    if is_treated.all() or not is_treated.any():
        raise refused("treated", "one_sided", "the same for every row", "rows of both variants")
    sizes = [int(kind.max()) + 1 for kind in kinds]
    if min(sizes) < LEAST_CLUSTERS:
        raise refused("clusters", "too_few", f"of {min(sizes)} groups", f"at least {LEAST_CLUSTERS} clusters")
    means = np.where(is_treated, rows[is_treated].mean(), rows[~is_treated].mean())
    weights = np.where(is_treated, 1 / is_treated.sum(), -1 / (~is_treated).sum())
    influence = (rows - means) * weights
    variance = sum(_variance(influence, kind) for kind in kinds)
    if len(kinds) == 2:
        both = _codes(kinds[0] * (kinds[1].max() + 1) + kinds[1])
        # The difference may fall below what either kind says alone; the greater one is then the honest one.
        variance = max(variance - _variance(influence, both), *(_variance(influence, kind) for kind in kinds))
    groups = min(sizes)
    return Effect(float(rows @ weights), sqrt(variance), groups, groups - 2)


def _codes(clusters: ArrayLike) -> NDArray[np.intp]:
    return np.unique(np.asarray(clusters), return_inverse=True)[1]


def _variance(influence: Array, clusters: NDArray[np.intp]) -> float:
    sums = np.bincount(clusters, weights=influence)
    rows, groups = influence.size, sums.size
    return float(sums @ sums) * groups / (groups - 1) * (rows - 1) / (rows - 2)
