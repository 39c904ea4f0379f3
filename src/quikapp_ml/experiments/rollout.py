"""The state machine of a rollout, without a clock, a store or a model: where it stands, what is known, what follows.

    gate → shadow → 1 → 5 → 20 → 50 → 100 % → promoted;   from each but the last → rolled back

A step needs that nothing speaks against it, that it has lasted, that enough units have come, and that each guardrail
surely holds. How surely depends on the next step: when `share` of all get the challenger and it costs each of them
`loss`, all together lose `share * loss`, and that must be below `at_most`. So at 1 % it is enough that nothing terrible
happens, and before 100 % the guardrail holds as it is written. The interval that allows a step holds two-sidedly, that
of rolling back one-sidedly, so of the same numbers the way back comes first.

Each step is an experiment of its own under one salt: units that have had the challenger keep it, and within a step
shares do not change, so neither the sample-ratio test nor the intervals mix times at which shares were different.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quikapp_ml.experiments.results import MISMATCH, ExperimentResults, Finding, MetricResult

GATE, SHADOW, PROMOTED, ROLLED_BACK = "gate", "shadow", "promoted", "rolled_back"
ENDED = (PROMOTED, ROLLED_BACK)
LATENCY, ERRORS = "latency-p95", "errors"
LEAST_JUDGED = 50
"""Units of the challenger below which a guardrail is not judged, or fewer where a step needs fewer: intervals are those
of many units, and of a handful the luckiest or unluckiest decide."""
LEAST_FALLBACKS = 3
"""One failed answer is no evidence of a broken model."""


@dataclass(frozen=True)
class Evidence:
    """What is known of the challenger at its stage: `harm` sends it back, `unclear` keeps it where it is."""

    harm: str = ""
    unclear: str = ""
    told: str = ""
    """Why it may go on, where it may."""
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The stage that follows, which is the same one while there is nothing to do, and why."""

    stage: str
    why: str


@dataclass(frozen=True)
class Limits:
    """What a step has to keep to."""

    least_units: int
    least_hours: float
    at_most_errors: float
    at_most_slower: float


def stages_of(shares: Sequence[int]) -> tuple[str, ...]:
    """All stages in their order, of a rollout that ends well."""
    return (GATE, SHADOW, *map(str, shares), PROMOTED)


def share_of(stage: str) -> float:
    """Which part of the units gets the challenger."""
    if stage == PROMOTED:
        return 1.0
    return int(stage) / 100 if stage.isdecimal() else 0.0


def verdict(stage: str, shares: Sequence[int], evidence: Evidence) -> Verdict:
    """What follows from the evidence. Harm goes before all else; an ended rollout stays as it is."""
    if stage in ENDED:
        return Verdict(stage, "it has ended")
    if evidence.harm:
        return Verdict(ROLLED_BACK, evidence.harm)
    if evidence.unclear:
        return Verdict(stage, evidence.unclear)
    stages = stages_of(shares)
    return Verdict(stages[stages.index(stage) + 1], evidence.told)


def planned_units(planned: int, share: float, next_share: float) -> int:
    """Where the intervals of a step are narrowest: at the units that its own question takes.

    `planned` are those of a test half by half; a share of others needs more, a limit that is wider needs less.
    """
    if not 0 < share < 1:
        return planned
    return max(100, round(planned * next_share**2 * 0.25 / (share * (1 - share))))


def step_evidence(found: ExperimentResults, hours: float, share: float, next_share: float, limits: Limits) -> Evidence:
    """What the experiment of a step says. Its first variant is the champion, its second the challenger."""
    units = list(found.arrivals.units.values())[-1]
    numbers = _numbers(found, hours)
    harm = next(_harms(found, units, limits), "")
    if harm:
        return Evidence(harm, numbers=numbers)
    if hours < limits.least_hours:
        unclear = f"{hours:.1f} of {limits.least_hours:g} hours have passed"
    elif units < limits.least_units:
        unclear = f"{units:,} of {limits.least_units:,} {found.unit}s have had it"
    else:
        unclear = "" if share >= 1 else next(_unclear(found.metrics, next_share), "")
    if unclear:
        return Evidence(unclear=unclear, numbers=numbers)
    holds = "without failures" if share >= 1 else "and every guardrail holds"
    return Evidence(told=f"{units:,} {found.unit}s have had it, {holds}", numbers=numbers)


def _harms(found: ExperimentResults, units: int, limits: Limits) -> Iterator[str]:
    arrivals = found.arrivals
    if arrivals.mismatch_p_value is not None and arrivals.mismatch_p_value < MISMATCH:
        yield arrivals.sentence
    if arrivals.fallbacks >= max(LEAST_FALLBACKS, limits.at_most_errors * units):
        yield f"it failed at {arrivals.fallbacks:,} answers to {units:,} {found.unit}s, who got the champion's"
    for one in found.metrics:
        if one.metric == LATENCY:
            if one.is_relative and one.low is not None and one.low > limits.at_most_slower:
                yield f"95 % of its answers take {one.low:.0%} longer at least, {limits.at_most_slower:.0%} is allowed"
        elif (
            one.role == "guardrail" and one.finding is Finding.BROKEN and units >= min(limits.least_units, LEAST_JUDGED)
        ):
            yield _broken(one, found.unit)


def _broken(one: MetricResult, unit: str) -> str:
    change = "it was not there before" if one.change is None or not one.is_relative else f"{one.change:+.1%}"
    around = "" if one.low is None or one.high is None else f" ({one.low:+.1%} to {one.high:+.1%})"
    return f"{one.metric} must not get {one.worse}, and it surely did: {change}{around}, from {one.units:,} {unit}s"


def _unclear(metrics: Sequence[MetricResult], next_share: float) -> Iterator[str]:
    """Guardrails of which it is not sure that the next step costs all together no more than they allow."""
    for one in metrics:
        if one.role != "guardrail" or one.metric in (LATENCY, ERRORS) or one.at_most is None:
            continue
        if one.worse == "higher" and one.value == 0 and not one.control_value:
            continue  # of what must not happen, nothing did; that nobody does what they should is no good sign
        limit = one.at_most / next_share
        worst = one.low if one.worse == "lower" else None if one.high is None else -one.high
        if not one.is_relative or worst is None or worst <= -limit:
            yield (
                f"it is not sure yet that {one.metric} gets {one.worse} by less than {limit:.0%}, "
                "which is what the next step takes"
            )


def _numbers(found: ExperimentResults, hours: float) -> dict[str, Any]:
    """For the record of a step."""
    return {
        "hours": round(hours, 2),
        "units": dict(found.arrivals.units),
        "fallbacks": found.arrivals.fallbacks,
        "metrics": {
            one.metric: {"change": one.change, "low": one.low, "high": one.high, "finding": str(one.finding)}
            for one in found.metrics
        },
    }
