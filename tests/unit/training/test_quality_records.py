from datetime import UTC, datetime, timedelta

import pyarrow as pa

from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training.quality_records import QUALITY_RESULTS, QUARANTINE, TakenOut, objection, taken_out_untold

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
TABLE = "quikapp_ml.silver.notes"


def lake_with(*results: tuple[int, str, str]) -> MemoryLake:
    """Results of runs one after the other: version, run, status."""
    rows = [
        {
            "run_id": run, "table_name": TABLE, "table_version": version, "expectation": "id is unique",
            "n_rows": 9, "n_failed": int(status == "failed"), "status": status,
            "checked_at": NOW + timedelta(minutes=index),
        }
        for index, (version, run, status) in enumerate(results)
    ]  # fmt: skip
    lake = MemoryLake()
    lake.ensure(QUALITY_RESULTS)
    lake.append(QUALITY_RESULTS.name, pa.Table.from_pylist(rows, schema=QUALITY_RESULTS.columns))
    return lake


def test_a_version_that_failed_is_an_objection_that_says_what_and_how_much() -> None:
    assert objection(lake_with((4, "r", "failed")), {TABLE: 4}) == (
        f"it learnt from tables that failed their gate: {TABLE} version 4: id is unique (1 of 9 rows are not)"
    )


def test_the_newest_check_of_a_version_counts() -> None:
    assert objection(lake_with((4, "r", "failed"), (4, "s", "passed")), {TABLE: 4}) == ""
    assert objection(lake_with((4, "r", "passed"), (4, "s", "failed")), {TABLE: 4})
    assert objection(lake_with((4, "r", "quarantined")), {TABLE: 4}) == ""


def test_rows_added_since_do_not_mend_a_table() -> None:
    assert objection(lake_with((4, "r", "failed")), {TABLE: 6})
    assert objection(lake_with((4, "r", "failed"), (5, "s", "passed")), {TABLE: 6}) == ""


def test_what_failed_later_or_elsewhere_or_was_never_checked_is_no_objection() -> None:
    lake = lake_with((4, "r", "failed"))
    assert objection(lake, {TABLE: 3, "quikapp_ml.silver.other": 4}) == ""
    assert objection(lake, {}) == ""
    assert objection(MemoryLake(), {TABLE: 4}) == ""


def test_what_a_check_took_out_and_did_not_tell_of_is_told_once() -> None:
    assert taken_out_untold(MemoryLake(), TABLE, 4) == TakenOut(0, {})
    rows = [(TABLE, 3, "a", "1"), (TABLE, 3, "b", "1"), (TABLE, 3, "a", "2"), (TABLE, 2, "a", "3"), ("u", 3, "a", "4")]
    names = ("table_name", "table_version", "reason", "row")
    taken = [{**dict(zip(names, row, strict=True)), "quarantined_at": NOW} for row in rows]
    told_of_3, told_of_4 = lake_with((3, "r", "passed")), lake_with((4, "r", "quarantined"))
    for lake in (told_of_3, told_of_4):
        lake.ensure(QUARANTINE)
        lake.append(QUARANTINE.name, pa.Table.from_pylist(taken, schema=QUARANTINE.columns))
    assert taken_out_untold(told_of_3, TABLE, 4) == TakenOut(2, {"a": 2, "b": 1})
    assert taken_out_untold(told_of_4, TABLE, 4) == TakenOut(0, {})
