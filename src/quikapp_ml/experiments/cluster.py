"""Differences whose rows are not independent: messages of one channel, channels of one workspace.

The jackknife estimate CV3 (MacKinnon, Nielsen, Webb, "Cluster-robust inference: a guide to empirical practice", 2023):
each cluster is left out once. Where clusters differ in size, the usual CR1 is too sure of itself. Rows with two ends,
an author and a channel, have two clusters (Cameron, Gelbach, Miller 2011).
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
    variances = [_variance(rows, is_treated, kind) for kind in kinds]
    variance = sum(variances)
    if len(kinds) == 2:
        both = _codes(kinds[0] * (kinds[1].max() + 1) + kinds[1])
        # The difference may fall below what either kind says alone; the greater one is then the honest one.
        variance = max(variance - _variance(rows, is_treated, both), *variances)
    groups = min(sizes)
    estimate = float(rows[is_treated].mean() - rows[~is_treated].mean())
    return Effect(estimate, sqrt(variance), groups, groups - 2)


def _codes(clusters: ArrayLike) -> NDArray[np.intp]:
    return np.unique(np.asarray(clusters), return_inverse=True)[1]


def _variance(rows: Array, treated: NDArray[np.bool_], clusters: NDArray[np.intp]) -> float:
    """How far the estimate moves when each cluster in turn is left out."""
    groups = int(clusters.max()) + 1
    moves = np.zeros(groups)
    for arm, sign in ((treated, 1), (~treated, -1)):
        sizes = np.bincount(clusters[arm], minlength=groups)
        left = arm.sum() - sizes
        if not left.all():
            raise refused("clusters", "too_few", "one for all rows of a variant", "several clusters in each variant")
        deviations = rows[arm] - rows[arm].mean()
        moves -= sign * np.bincount(clusters[arm], weights=deviations, minlength=groups) / left
    return float(moves @ moves) * (groups - 1) / groups
