from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training import quality
from quikapp_ml.training.expectations import Expectation, InRange, NotInFuture, NotNull, OneOf, Outcome, RowRule, Unique
from quikapp_ml.training.quality import broken_rows, check_tables, count_broken
from quikapp_ml.training.quality_records import QUALITY_RESULTS, QUARANTINE

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
NOTES = Table(
    "quikapp_ml.silver.notes",
    pa.schema(
        [("id", pa.string()), ("label", pa.string()), ("score", pa.float64()), ("at", pa.timestamp("us", "UTC"))]
    ),
    ("id",),
    "Notes.",
)


def notes(*rows: dict[str, Any]) -> pa.Table:
    good = {"label": "a", "score": 1.0, "at": NOW}
    return pa.Table.from_pylist([{"id": str(i), **good, **row} for i, row in enumerate(rows)], schema=NOTES.columns)


def lake_with(*rows: dict[str, Any]) -> MemoryLake:
    lake = MemoryLake()
    lake.ensure(NOTES)
    lake.append(NOTES.name, notes(*rows))
    return lake


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (NotNull("label"), [{"label": None}]),
        (InRange("score", 0, 1), [{"score": -0.1}, {"score": 1.1}]),
        (OneOf("label", ("a", "b")), [{"label": "c"}, {"label": ""}]),
        (NotInFuture("at"), [{"at": NOW + timedelta(days=1, seconds=1)}]),
    ],
)
def test_a_rule_finds_the_rows_that_break_it_and_no_other(rule: RowRule, broken: Sequence[dict[str, Any]]) -> None:
    good: list[dict[str, Any]] = [{}, {"score": 0.0}, {"label": "b"}, {"at": NOW + timedelta(hours=23)}]
    found = broken_rows(notes(*good, *broken, {}), rule, NOW)
    assert found.tolist() == [False] * 4 + [True] * len(broken) + [False]


@pytest.mark.parametrize("rule", [InRange("score", 0, 1), OneOf("label", ("a",)), NotInFuture("at")])
def test_null_breaks_only_the_rule_that_a_value_is_given(rule: RowRule) -> None:
    assert not broken_rows(notes({"score": None, "label": None, "at": None}), rule, NOW).any()


def test_tables_of_no_rows_break_nothing() -> None:
    for rule in (NotNull("label"), InRange("score", 0, 1), OneOf("label", ("a",)), NotInFuture("at"), Unique(("id",))):
        assert count_broken(notes(), Expectation(rule), NOW) == 0


@given(st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.sampled_from([0.0, 1.0, None])), max_size=12))
def test_of_rows_with_one_key_all_but_one_are_counted(keys: list[tuple[str | None, float | None]]) -> None:
    rows = notes(*({"label": label, "score": score} for label, score in keys))
    assert count_broken(rows, Expectation(Unique(("label", "score"))), NOW) == len(keys) - len(set(keys))


@given(st.lists(st.floats(-2, 2) | st.none(), max_size=20), st.integers(1, 7))
def test_batches_are_not_seen_in_the_result(scores: list[float | None], batch: int) -> None:
    rows = notes(*({"score": score} for score in scores))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "BATCH_ROWS", batch)
        found = broken_rows(rows, InRange("score", -1, 1), NOW).tolist()
    assert found == [score is not None and not -1 <= score <= 1 for score in scores]


EXPECTED = {
    NOTES.name: [
        Expectation(Unique(("id",))),
        Expectation(OneOf("label", ("a", "b")), Outcome.QUARANTINE),
        Expectation(InRange("score", 0), Outcome.QUARANTINE),
    ]
}


def test_odd_rows_go_to_quarantine_with_the_reason_and_out_of_what_is_learnt_from() -> None:
    lake = lake_with({}, {"label": "?"}, {"label": "!", "score": -1.0}, {})
    findings = check_tables(lake, NOW, EXPECTED)
    assert sorted(lake.read(NOTES.name)["id"].to_pylist()) == ["0", "3"]
    kept = [(row["reason"], orjson.loads(row["row"])["id"]) for row in lake.read(QUARANTINE.name).to_pylist()]
    assert sorted(kept) == [("label is one of a, b", "1"), ("label is one of a, b", "2"), ("score is in [0, inf]", "2")]
    assert [(each.status, each.n_rows, each.n_failed) for each in findings] == [
        ("passed", 4, 0), ("quarantined", 4, 2), ("quarantined", 4, 1),
    ]  # fmt: skip
    assert {each.version for each in findings} == {lake.version(NOTES.name)}, "the version that training reads"
    assert lake.read(QUALITY_RESULTS.name)["status"].to_pylist() == ["passed", "quarantined", "quarantined"]


def test_cut_off_before_the_rows_are_out_a_second_run_keeps_none_twice() -> None:
    class CutOff(MemoryLake):
        is_cut = True

        def overwrite(self, name: str, rows: pa.Table) -> int:
            if self.is_cut:
                raise KeyboardInterrupt
            return super().overwrite(name, rows)

    lake = CutOff()
    lake.ensure(NOTES)
    lake.append(NOTES.name, notes({}, {"label": "?"}))
    with pytest.raises(KeyboardInterrupt):
        check_tables(lake, NOW, EXPECTED)
    lake.is_cut = False
    check_tables(lake, NOW + timedelta(hours=1), EXPECTED)
    assert lake.read(QUARANTINE.name).num_rows == 1
    assert lake.read(NOTES.name)["id"].to_pylist() == ["0"]


def test_a_rule_that_fails_leaves_the_table_as_it_is() -> None:
    lake = lake_with({"id": "x"}, {"id": "x"})
    before = lake.version(NOTES.name)
    (unique, *_) = check_tables(lake, NOW, EXPECTED)
    assert (unique.status, unique.n_failed, unique.version) == ("failed", 1, before)
    assert lake.version(NOTES.name) == before
    assert not lake.exists(QUARANTINE.name)


def test_twins_that_go_to_quarantine_do_not_fail_the_table() -> None:
    findings = check_tables(lake_with({"id": "x", "label": "?"}, {"id": "x"}), NOW, EXPECTED)
    assert [each.status for each in findings] == ["passed", "quarantined", "passed"]


def test_what_has_not_been_made_is_not_checked() -> None:
    assert check_tables(MemoryLake(), NOW) == []
