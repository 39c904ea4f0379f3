"""Whether a variant does the same for all: the deciding metric by segments, with the warning that belongs to it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.experiments.analysis import ALPHA, Counted, bounds
from quikapp_ml.experiments.compared import compare
from quikapp_ml.experiments.corrections import holm
from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.results import Segmentation, SegmentResult
from quikapp_ml.experiments.sequential import LEAST_UNITS, sequence

MAX_SEGMENTS = 12


def segmented(spec: ExperimentSpec, counted: Counted, ways: Mapping[str, NDArray[np.str_]]) -> list[Segmentation]:
    """By each way, which names the segment of each unit ('' for none); those of fewer than 100 units are left out."""
    found = [_segmentation(spec, counted, by, names) for by, names in ways.items()]
    return [one for one in found if len(one.results) > len(spec.variants) - 1]


def _segmentation(spec: ExperimentSpec, counted: Counted, by: str, names: NDArray[np.str_]) -> Segmentation:
    found = [
        (variant.name, segment, effect)
        for variant in spec.variants[1:]
        for segment, effect in _effects(spec, counted, variant.name, names).items()
    ]
    tests = [
        _heterogeneity([effect for name, _, effect in found if name == variant.name]) for variant in spec.variants[1:]
    ]
    known = [value for value in tests if value is not None]
    differs = min(1.0, min(known) * len(known)) if known else None
    intervals = [sequence(effect, spec.planned_units, ALPHA) for _, _, effect in found]
    raised = holm([one.p_value for one in intervals]) if intervals else np.array([])
    results = [
        SegmentResult(segment, variant, effect.units, effect.estimate, *bounds(interval), float(p_value))
        for (variant, segment, effect), interval, p_value in zip(found, intervals, raised, strict=True)
    ]
    return Segmentation(by, differs, _sentence(by, differs), results)


def _effects(spec: ExperimentSpec, counted: Counted, variant: str, names: NDArray[np.str_]) -> dict[str, Effect]:
    segments, sizes = np.unique(names[names != ""], return_counts=True)
    largest = segments[np.argsort(-sizes, kind="stable")][:MAX_SEGMENTS]
    effects = {}
    for segment in largest:
        samples = counted.observed.samples([spec.variants[0].name, variant], among=names == segment)
        found = compare(counted.metric, spec.unit, *samples)
        if found.effect is not None and found.is_relative and found.effect.units >= LEAST_UNITS:
            effects[str(segment)] = found.effect
    return effects


def _heterogeneity(effects: Sequence[Effect]) -> float | None:
    """Cochran's Q: whether effects differ by more than their errors (one look, at the end)."""
    sure = [effect for effect in effects if effect.standard_error > 0]
    if len(sure) < 2:
        return None
    weights = np.array([1 / effect.standard_error**2 for effect in sure])
    estimates = np.array([effect.estimate for effect in sure])
    middle = float(weights @ estimates / weights.sum())
    return float(stats.chi2.sf(float(weights @ (estimates - middle) ** 2), len(sure) - 1))


def _sentence(by: str, differs: float | None) -> str:
    if differs is None:
        return f"By {by}, there are not two segments that are large enough to compare."
    if differs < ALPHA:
        return f"By {by}, segments differ by more than chance would have it (p = {differs:.2g}): worth a look."
    return f"By {by}, segments do not differ by more than chance would have it (p = {differs:.2g})."
