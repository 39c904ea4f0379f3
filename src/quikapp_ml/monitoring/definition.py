"""What a monitor watches: one table, as a whole or by windows of time, in all or by slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from quikapp_ml.errors import InvalidInput

GRANULARITIES: Mapping[str, tuple[int, str]] = {
    "5 minutes": (5, "minute"),
    "30 minutes": (30, "minute"),
    "1 hour": (1, "hour"),
    "1 day": (1, "day"),
    "1 week": (1, "week"),
    "2 weeks": (2, "week"),
    "3 weeks": (3, "week"),
    "4 weeks": (4, "week"),
    "1 month": (1, "month"),
    "1 year": (1, "year"),
}
"""Databricks' names → how many of which unit."""

MAX_SLICES = 20
MAX_EXPRESSION = 1_000


class Kind(StrEnum):
    """How a table is looked at."""

    SNAPSHOT = "snapshot"
    TIME_SERIES = "time_series"
    INFERENCE_LOG = "inference_log"


class Problem(StrEnum):
    """What the model in an inference log predicts."""

    CLASSIFICATION = "PROBLEM_TYPE_CLASSIFICATION"
    REGRESSION = "PROBLEM_TYPE_REGRESSION"


@dataclass(frozen=True)
class Inference:
    """The columns of an inference log."""

    problem: Problem
    prediction_col: str
    model_id_col: str
    label_col: str | None = None


@dataclass(frozen=True)
class CronSchedule:
    """When a monitor refreshes by itself."""

    quartz: str
    timezone: str
    is_paused: bool = False


@dataclass(frozen=True)
class MonitorDefinition:
    """One monitor."""

    table: str
    """Full name `catalog.schema.table`."""
    output_schema: str
    """`catalog.schema` of the tables that it writes."""
    kind: Kind
    timestamp_col: str = ""
    granularities: tuple[str, ...] = ()
    inference: Inference | None = None
    slicing: tuple[str, ...] = ()
    """Columns, or conditions in SQL."""
    baseline: str = ""
    """Full name of the table to compare with; empty for none."""
    schedule: CronSchedule | None = None
    assets_dir: str = ""
    version: int = 0

    @property
    def profile_table(self) -> str:
        """Full name of the table of profiles."""
        return f"{self.output_schema}.{self.table.rpartition('.')[2]}_profile_metrics"

    @property
    def drift_table(self) -> str:
        """Full name of the table of drift."""
        return f"{self.output_schema}.{self.table.rpartition('.')[2]}_drift_metrics"


def check_definition(definition: MonitorDefinition) -> None:
    """Raises InvalidInput for what no table could satisfy."""
    if definition.output_schema.count(".") != 1 or definition.table.count(".") != 2:
        raise InvalidInput(
            f"a monitor watches `catalog.schema.table` and writes to `catalog.schema`; given were "
            f"{definition.table[:200]!r} and {definition.output_schema[:200]!r}"
        )
    unknown = [each for each in definition.granularities if each not in GRANULARITIES]
    if unknown:
        raise InvalidInput(f"granularity {unknown[0][:80]!r} is unknown; known are {', '.join(GRANULARITIES)}")
    if definition.kind is not Kind.SNAPSHOT and not definition.granularities:
        raise InvalidInput(f"a monitor of the kind {definition.kind} needs granularities, such as ['1 day']")
    if len(definition.slicing) > MAX_SLICES or any(len(each) > MAX_EXPRESSION for each in definition.slicing):
        raise InvalidInput(f"at most {MAX_SLICES} slicing_exprs of {MAX_EXPRESSION} characters are allowed")


def check_columns(definition: MonitorDefinition, columns: pa.Schema) -> None:
    """Raises InvalidInput when the table lacks a column that the monitor names."""
    named = [definition.timestamp_col] if definition.kind is not Kind.SNAPSHOT else []
    if definition.inference:
        named += [definition.inference.prediction_col, definition.inference.model_id_col]
        named += [definition.inference.label_col] if definition.inference.label_col else []
    for name in named:
        if name not in columns.names:
            raise InvalidInput(
                f"{definition.table} has no column {name[:80]!r}; its columns are {', '.join(columns.names)}"
            )
    if definition.kind is not Kind.SNAPSHOT:
        kind = columns.field(definition.timestamp_col).type
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise InvalidInput(f"{definition.timestamp_col} of {definition.table} is {kind}; a time is needed")
