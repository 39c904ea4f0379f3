"""An experiment at one look: who was let in, what came out, and for whom. Plain data: nothing is computed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from quikapp_ml.experiments.sample_ratio import LEVEL

Role = Literal["deciding", "secondary", "guardrail", "watched"]

MISMATCH = LEVEL
"""Below it, no other number of the experiment is to be believed."""


WARNING = (
    "The experiment was not made to compare segments. The more of them are looked at, the surer one stands out by "
    "chance: take one that does for the hypothesis of the next experiment, and decide nothing by it."
)


class Finding(StrEnum):
    """What can be said of a metric at this look."""

    HIGHER = "higher"
    LOWER = "lower"
    NO_MATTER = "no_matter"
    """Any difference is smaller than the one sought."""
    OPEN = "open"
    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    """There is nothing to tell it from."""


@dataclass(frozen=True)
class Arrival:
    """Units of each variant until the end of a day (days since 1970), and the always-valid p-value of their shares."""

    day: int
    units: Mapping[str, int]
    mismatch_p_value: float | None


@dataclass(frozen=True)
class Arrivals:
    """Who was let in; `sentence` says whether the numbers can be believed."""

    units: Mapping[str, int]
    fallbacks: int
    """Answers that were control's, because their variant could not give them."""
    open_units: int
    """Units whose window is not over: what they count may still grow."""
    mismatch_p_value: float | None
    sentence: str
    days: Sequence[Arrival]


@dataclass(frozen=True)
class Look:
    """The change as it was at the end of a day (days since 1970)."""

    day: int
    units: int
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class MetricResult:
    """One metric of one variant, against control. Changes are shares of control's value."""

    metric: str
    of: str
    kind: str
    role: Role
    variant: str
    finding: Finding
    sentence: str
    units: int
    control_value: float | None = None
    value: float | None = None
    change: float | None = None
    low: float | None = None
    """Interval that holds at every look; None where there are too few units for one."""
    high: float | None = None
    p_value: float | None = None
    """Holds at any time."""
    adjusted_p_value: float | None = None
    fixed_low: float | None = None
    """Interval of a look whose time was fixed beforehand: looked at more often, it errs more often than 5 %."""
    fixed_high: float | None = None
    fixed_p_value: float | None = None
    is_relative: bool = True
    """Whether changes are shares of control's value: they are differences where control has none of it."""
    variance_cut: float | None = None
    at_most: float | None = None
    """Of a guardrail: how much worse it may get."""
    worse: str | None = None
    looks: Sequence[Look] = ()


@dataclass(frozen=True)
class SegmentResult:
    """The deciding metric of one variant among the units of one segment."""

    segment: str
    variant: str
    units: int
    change: float
    low: float | None
    high: float | None
    adjusted_p_value: float
    """Raised for the number of segments."""


@dataclass(frozen=True)
class Segmentation:
    """One way to cut the units into segments."""

    by: str
    heterogeneity_p_value: float | None
    """Of Cochran's Q, for the variant in which segments differ most: small when they do by more than chance."""
    sentence: str
    results: Sequence[SegmentResult]
    warning: str = WARNING
    """What must be read before the numbers."""


@dataclass(frozen=True)
class ExperimentResults:
    """An experiment at one look."""

    name: str
    hypothesis: str
    unit: str
    as_of: datetime
    arrivals: Arrivals
    metrics: Sequence[MetricResult]
    segments: Sequence[Segmentation]
