"""An experiment at one look: who was let in, what came out, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quikapp_ml.experiments.analysis import MetricResult
from quikapp_ml.experiments.arrivals import Arrivals
from quikapp_ml.experiments.segments import Segmentation


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
