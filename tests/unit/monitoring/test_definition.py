from dataclasses import replace

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.monitoring.definition import (
    Inference,
    Kind,
    MonitorDefinition,
    Problem,
    check_columns,
    check_definition,
)

SNAPSHOT = MonitorDefinition("quikapp_ml.silver.messages", "quikapp_ml.monitoring", Kind.SNAPSHOT)
SERIES = replace(SNAPSHOT, kind=Kind.TIME_SERIES, timestamp_col="posted_at", granularities=("1 day",))
LOG = replace(SERIES, kind=Kind.INFERENCE_LOG, inference=Inference(Problem.CLASSIFICATION, "guess", "model", "truth"))
COLUMNS = pa.schema([
    pa.field("posted_at", pa.timestamp("us", tz="UTC")), pa.field("guess", pa.string()), pa.field("model", pa.string()),
    pa.field("truth", pa.string()),
])  # fmt: skip


def test_metric_tables_are_named_after_the_table() -> None:
    assert SNAPSHOT.profile_table == "quikapp_ml.monitoring.messages_profile_metrics"
    assert SNAPSHOT.drift_table == "quikapp_ml.monitoring.messages_drift_metrics"


def test_what_can_be_watched_passes() -> None:
    for definition in (SNAPSHOT, SERIES, LOG):
        check_definition(definition)
        check_columns(definition, COLUMNS)
    check_columns(replace(SERIES, timestamp_col="day"), pa.schema([pa.field("day", pa.date32())]))


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        (replace(SNAPSHOT, table="messages"), "`catalog.schema.table`"),
        (replace(SNAPSHOT, output_schema="monitoring"), "`catalog.schema`"),
        (replace(SERIES, granularities=("1 day", "2 days")), "granularity '2 days' is unknown; known are 5 minutes"),
        (replace(SERIES, granularities=()), "needs granularities"),
        (replace(SNAPSHOT, slicing=("a",) * 21), "at most 20"),
        (replace(SNAPSHOT, slicing=("a" * 1001,)), "1000 characters"),
    ],
)
def test_what_no_table_could_satisfy_is_refused(definition: MonitorDefinition, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        check_definition(definition)


@pytest.mark.parametrize("missing", ["posted_at", "guess", "model", "truth"])
def test_a_missing_column_is_named(missing: str) -> None:
    left = pa.schema([field for field in COLUMNS if field.name != missing])
    with pytest.raises(InvalidInput, match=f"no column '{missing}'; its columns are"):
        check_columns(LOG, left)


def test_windows_need_a_column_of_times() -> None:
    with pytest.raises(InvalidInput, match=r"guess of quikapp_ml\.silver\.messages is string; a time is needed"):
        check_columns(replace(SERIES, timestamp_col="guess"), COLUMNS)
