"""Refreshes of real tables: what is written, and what a second refresh changes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.monitoring.definition import Inference, Kind, MonitorDefinition, Problem
from quikapp_ml.monitoring.profiles import WHOLE_TABLE
from quikapp_ml.monitoring.refresh import Refresh
from quikapp_ml.stores.lake import open_compute
from quikapp_ml.stores.lake.base import Compute, Lake

from .conftest import ANSWERS, DAYS, MONDAY, NOTES, answers, put

NOW = MONDAY + timedelta(days=9)
SERIES = MonitorDefinition(ANSWERS.name, "quikapp_ml.monitoring", Kind.TIME_SERIES, "at", ("1 day",))
LOG = replace(SERIES, kind=Kind.INFERENCE_LOG, inference=Inference(Problem.CLASSIFICATION, "guess", "model", "truth"))
NOTED = MonitorDefinition(NOTES.name, "quikapp_ml.monitoring", Kind.SNAPSHOT)


def no_engine() -> Compute:
    raise AssertionError("no engine is needed without slices")


def refreshed(lake: Lake, definition: MonitorDefinition, now: Any = NOW) -> None:
    assert Refresh(definition, lake, no_engine, now).run()


def rows(lake: Lake, table: str, **wanted: Any) -> list[dict[str, Any]]:
    found = lake.read(table).to_pylist()
    found = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    return sorted(found, key=lambda row: (row["window"]["start"], str(row.get("model")), row["column_name"]))


def test_every_day_is_profiled_and_compared_with_the_one_before(lake: Lake) -> None:
    refreshed(lake, SERIES)
    profiles = rows(lake, SERIES.profile_table, column_name=WHOLE_TABLE)
    assert [(row["window"]["start"], row["window"]["end"], row["count"]) for row in profiles] == [
        (day, day + timedelta(days=1), n) for day, n in zip(DAYS, (4, 4, 2), strict=True)
    ]  # fmt: skip
    assert {row["granularity"] for row in profiles} == {"1 day"} and {row["log_type"] for row in profiles} == {"INPUT"}
    assert {row["logging_table_commit_version"] for row in profiles} == {lake.version(ANSWERS.name)}
    first, second = rows(lake, SERIES.drift_table, column_name="score")
    assert (first["drift_type"], first["window"]["start"], first["window_cmp"]["start"]) == (
        "CONSECUTIVE", DAYS[1], DAYS[0],
    )  # fmt: skip
    assert first["avg_delta"] == pytest.approx(4.5) and first["ks_test"]["statistic"] == 1.0
    assert second["count_delta"] == -2.0
    (guess, _) = rows(lake, SERIES.drift_table, column_name="guess")
    assert (guess["tv_distance"], guess["js_distance"]) == (1.0, 1.0)


def test_late_rows_take_the_place_of_what_was_said_of_their_day(lake: Lake) -> None:
    refreshed(lake, SERIES)
    put(lake, ANSWERS, answers(1, 3))
    refreshed(lake, replace(SERIES, version=1), NOW + timedelta(days=1))
    profiles = rows(lake, SERIES.profile_table, column_name=WHOLE_TABLE)
    assert [row["count"] for row in profiles] == [4, 7, 2]
    assert {row["monitor_version"] for row in profiles} == {1}
    assert len(rows(lake, SERIES.drift_table, column_name="score")) == 2


def test_an_inference_log_is_judged_for_all_models_and_for_each(lake: Lake) -> None:
    put(lake, ANSWERS, answers(0, 2, "spam", 2))
    refreshed(lake, LOG)
    first = [row for row in rows(lake, LOG.profile_table, column_name=WHOLE_TABLE) if row["window"]["start"] == MONDAY]
    assert [(row["model"], row["count"], row["accuracy_score"]) for row in first] == [
        ("*", 6, 0.5), ("1", 4, 0.5), ("2", 2, 0.5),
    ]  # fmt: skip
    confused = {"prediction": "ham", "label": "spam", "count": 2}
    assert confused in first[1]["confusion_matrix"] and dict(first[1]["recall"]["one_vs_all"])["ham"] == 1.0


def test_a_snapshot_is_compared_with_the_version_that_was_seen_before(lake: Lake) -> None:
    refreshed(lake, NOTED)
    assert rows(lake, NOTED.drift_table) == []
    put(lake, NOTES, [{"text": "b"}, {"text": "c"}])
    refreshed(lake, NOTED, NOW + timedelta(hours=1))
    profiles = rows(lake, NOTED.profile_table, column_name="text")
    assert [row["count"] for row in profiles] == [2, 4]
    (drifted,) = rows(lake, NOTED.drift_table, column_name="text")
    assert (drifted["drift_type"], drifted["count_delta"], drifted["tv_distance"]) == ("CONSECUTIVE", 2.0, 0.25)
    assert (drifted["window"]["start"], drifted["window_cmp"]["start"]) == (NOW + timedelta(hours=1), NOW)


def test_a_baseline_is_profiled_and_compared_with(lake: Lake) -> None:
    lake.ensure(replace(NOTES, name="quikapp_ml.bronze.expected"))
    put(lake, replace(NOTES, name="quikapp_ml.bronze.expected"), [{"text": "a"}] * 3 + [{"text": "b"}])
    refreshed(lake, replace(NOTED, baseline="quikapp_ml.bronze.expected"))
    (baseline,) = rows(lake, NOTED.profile_table, log_type="BASELINE", column_name="text")
    assert baseline["count"] == 4
    (drifted,) = rows(lake, NOTED.drift_table, column_name="text")
    assert (drifted["drift_type"], drifted["window_cmp"], drifted["tv_distance"]) == ("BASELINE", None, 0.25)


def test_slices_are_conditions_and_columns_in_sql(lake: Lake) -> None:
    definition = replace(SERIES, granularities=("1 week",), slicing=("guess", "score > 1 AND model = 2"))
    assert Refresh(definition, lake, lambda: open_compute(""), NOW).run()
    found = rows(lake, definition.profile_table, column_name=WHOLE_TABLE)
    assert [(row["slice_key"], row["slice_value"], row["count"]) for row in found] == [
        (None, None, 10), ("guess", "ham", 6), ("guess", "spam", 4),
        ("score > 1 AND model = 2", "false", 6), ("score > 1 AND model = 2", "true", 4),
    ]  # fmt: skip
    columns = {row["column_name"] for row in rows(lake, definition.profile_table)}
    assert columns == {WHOLE_TABLE, *ANSWERS.columns.names}


def test_a_canceled_refresh_writes_nothing(lake: Lake) -> None:
    assert not Refresh(SERIES, lake, no_engine, NOW).run(is_canceled=lambda: True)
    assert not lake.exists(SERIES.profile_table)


def test_what_cannot_be_looked_at_is_said(lake: Lake) -> None:
    with pytest.raises(NotFound, match=r"quikapp_ml\.bronze\.nothing"):
        refreshed(lake, replace(NOTED, table="quikapp_ml.bronze.nothing"))
    with pytest.raises(InvalidInput, match="no column 'when'"):
        refreshed(lake, replace(SERIES, timestamp_col="when"))
    with pytest.raises(InvalidInput, match="no column of the table"):
        refreshed(lake, replace(SERIES, slicing=("nothing",)))


def test_an_empty_table_is_looked_at_too(lake: Lake) -> None:
    empty = replace(ANSWERS, name="quikapp_ml.bronze.empty")
    lake.ensure(empty)
    for definition in (replace(LOG, table=empty.name), replace(NOTED, table=empty.name, output_schema="quikapp_ml.x")):
        refreshed(lake, definition)
        assert [row["count"] for row in rows(lake, definition.profile_table, column_name=WHOLE_TABLE)] in ([], [0])
