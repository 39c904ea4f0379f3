"""Ratios of totals where the units are few and of very different size: channels, workspaces.

The delta method is too sure of itself there. Each unit is left out once, as `cluster.clustered_effect` does with rows
(CV3 of MacKinnon, Nielsen, Webb, "Cluster-robust inference: a guide to empirical practice", 2023).
"""

from math import sqrt

from quikapp_ml.experiments.checks import Array, refused, same_length, sample
from quikapp_ml.experiments.cluster import LEAST_CLUSTERS
from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.ratio import Totals


def clustered_ratio_effect(control: Totals, treatment: Totals) -> Effect:
    """Treatment's ratio less control's; every unit is a cluster."""
    first, first_moves = _ratio("control", control)
    second, second_moves = _ratio("treatment", treatment)
    groups = first_moves.size + second_moves.size
    if groups < LEAST_CLUSTERS:
        raise refused("clusters", "too_few", f"of {groups} groups", f"at least {LEAST_CLUSTERS} clusters")
    variance = float(first_moves @ first_moves + second_moves @ second_moves) * (groups - 1) / groups
    return Effect(second - first, sqrt(variance), groups, groups - 2)


def _ratio(path: str, totals: Totals) -> tuple[float, Array]:
    """The ratio, and how far it moves when each unit in turn is left out."""
    counted, out_of = sample(f"{path}.counted", totals[0]), sample(f"{path}.out_of", totals[1])
    same_length(counted=counted, out_of=out_of)
    left: Array = out_of.sum() - out_of
    if not (left > 0).all():
        raise refused(f"{path}.out_of", "too_few", "all in one unit", "several units with answers in each variant")
    ratio = float(counted.sum() / out_of.sum())
    return ratio, (counted.sum() - counted) / left - ratio
