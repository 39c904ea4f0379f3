import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.feature_store.joins import Clocks, Wanted, join_features
from quikapp_ml.stores.lake.spark import SparkCompute

START = datetime(2026, 11, 1, tzinfo=UTC)
FEATURES = "user string, happened timestamp, known timestamp, n double, words array<string>"
ROWS = "id bigint, u string, at timestamp"

Feature = tuple[str, datetime, datetime, float, list[str]]
Row = tuple[int, str | None, datetime | None]


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


def feature(user: str, happened: float, known: float, value: float) -> Feature:
    return user, hour(happened), hour(known), value, [str(value)]


def joined(
    compute: SparkCompute,
    rows: Sequence[Row],
    features: Sequence[Feature],
    window: timedelta | None = None,
    known: str | None = "known",
) -> dict[int, Any]:
    """Row id → value; each row is there once."""
    spark = compute.session()
    frame = spark.createDataFrame(list(features), FEATURES)
    asking = spark.createDataFrame(list(rows), ROWS)
    wanted = Wanted(frame, [("u", "user")], {"n": "n"}, clocks=Clocks("at", "happened", known, window))
    found = join_features(asking, wanted).toArrow().to_pylist()
    assert sorted(row["id"] for row in found) == sorted(row[0] for row in rows)
    assert {row["id"]: (row["u"], row["at"]) for row in found} == {row[0]: (row[1], row[2]) for row in rows}
    return {row["id"]: row["n"] for row in found}


def naive(rows: Sequence[Row], features: Sequence[Feature], window: timedelta | None) -> dict[int, float | None]:
    """The rule, word for word: of what had happened and was known, the newest, within the window."""
    answers: dict[int, float | None] = {}
    for row_id, user, at in rows:
        seen = [one for one in features if at is not None and one[0] == user and one[1] <= at and one[2] <= at]
        newest = max(seen, key=lambda one: (one[1], one[2]), default=None)
        is_held = newest is not None and at is not None and (window is None or at - newest[1] <= window)
        answers[row_id] = newest[3] if newest is not None and is_held else None
    return answers


class TestTwoClocks:
    def test_what_was_not_known_yet_is_not_seen(self, compute: SparkCompute) -> None:
        late = [feature("a", 1, 1, 10), feature("a", 2, 5, 20)]
        rows: list[Row] = [(n, "a", hour(n)) for n in range(7)]
        assert joined(compute, rows, late) == {0: None, 1: 10, 2: 10, 3: 10, 4: 10, 5: 20, 6: 20}

    def test_what_arrives_late_does_not_hide_what_happened_after_it(self, compute: SparkCompute) -> None:
        backfill = [feature("a", 3, 3, 30), feature("a", 1, 6, 10)]
        assert joined(compute, [(1, "a", hour(8)), (2, "a", hour(2))], backfill) == {1: 30, 2: None}

    def test_a_correction_counts_from_when_it_was_made(self, compute: SparkCompute) -> None:
        corrected = [feature("a", 1, 1, 10), feature("a", 1, 4, 11)]
        assert joined(compute, [(1, "a", hour(3)), (2, "a", hour(4))], corrected) == {1: 10, 2: 11}

    def test_one_microsecond_decides(self, compute: SparkCompute) -> None:
        at = hour(1)
        rows: list[Row] = [(1, "a", at), (2, "a", at - timedelta(microseconds=1))]
        assert joined(compute, rows, [feature("a", 1, 1, 10)]) == {1: 10, 2: None}

    def test_one_clock_where_it_is_declared(self, compute: SparkCompute) -> None:
        assert joined(compute, [(1, "a", hour(3))], [feature("a", 2, 5, 20)], known=None) == {1: 20}

    def test_a_row_without_key_or_time_finds_nothing(self, compute: SparkCompute) -> None:
        rows: list[Row] = [(1, None, hour(3)), (2, "a", None), (3, "b", hour(3))]
        assert joined(compute, rows, [feature("a", 1, 1, 10)]) == {1: None, 2: None, 3: None}

    def test_the_window_holds_both_its_ends(self, compute: SparkCompute) -> None:
        rows: list[Row] = [(1, "a", hour(3)), (2, "a", hour(3) + timedelta(microseconds=1))]
        assert joined(compute, rows, [feature("a", 1, 1, 10)], window=timedelta(hours=2)) == {1: 10, 2: None}

    def test_what_is_too_old_is_not_replaced_by_what_is_older(self, compute: SparkCompute) -> None:
        old = [feature("a", 1, 1, 10), feature("a", 2, 2, 20)]
        assert joined(compute, [(1, "a", hour(9))], old, window=timedelta(hours=3)) == {1: None}

    def test_rows_that_are_alike_stay_as_many(self, compute: SparkCompute) -> None:
        rows: list[Row] = [(n, "a", hour(3)) for n in range(50)]
        assert set(joined(compute, rows, [feature("a", 1, 1, 10)]).values()) == {10}


@pytest.mark.parametrize("default", [None, ["none"]])
def test_defaults_stand_for_what_was_not_found(compute: SparkCompute, default: list[str] | None) -> None:
    spark = compute.session()
    frame = spark.createDataFrame([feature("a", 1, 1, 10)], FEATURES)
    rows = spark.createDataFrame([(1, "a", hour(2)), (2, "b", hour(2))], ROWS)
    defaults = {} if default is None else {"w": default}
    wanted = Wanted(frame, [("u", "user")], {"words": "w"}, defaults, Clocks("at", "happened", "known"))
    found = join_features(rows, wanted).toArrow().sort_by("id").to_pylist()
    assert [row["w"] for row in found] == [["10"], default]


def test_a_join_by_key_alone(compute: SparkCompute) -> None:
    spark = compute.session()
    frame = spark.createDataFrame([("a", 1, 10.0), ("b", 1, 20.0)], "user string, `a.b` bigint, n double")
    rows = spark.createDataFrame([(1, "a", 1), (2, "b", 2), (3, None, 1)], "id bigint, `user` string, other bigint")
    wanted = Wanted(frame, [("user", "user"), ("other", "a.b")], {"n": "m"}, {"m": -1.0})
    found = join_features(rows, wanted).toArrow().sort_by("id").to_pylist()
    assert [(row["id"], row["user"], row["m"]) for row in found] == [(1, "a", 10.0), (2, "b", -1.0), (3, None, -1.0)]


def test_columns_may_be_called_anything(compute: SparkCompute) -> None:
    spark = compute.session()
    frame = spark.createDataFrame(
        [("a", hour(1), hour(2), {"k": 1.0})],
        "`u.id` string, `on` timestamp, `k n` timestamp, `v.é` map<string, double>",
    )
    asked = [("a", hour(3), [1], {"x": 1}), ("a", hour(1), [2], None)]
    rows = spark.createDataFrame(asked, "`u.id` string, `a``t` timestamp, `x.y` array<bigint>, m map<string, bigint>")
    wanted = Wanted(frame, [("u.id", "u.id")], {"v.é": "select"}, clocks=Clocks("a`t", "on", "k n"))
    found = join_features(rows, wanted).toArrow()
    assert found.column_names == ["u.id", "a`t", "x.y", "m", "select"]
    assert {row["x.y"][0]: row["select"] for row in found.to_pylist()} == {1: [("k", 1.0)], 2: None}


USERS = ("a", "b", "c")
MINUTES = st.integers(0, 40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=st.sets(st.tuples(st.sampled_from(USERS), MINUTES, st.integers(-5, 20)), max_size=60),
    asked=st.lists(st.tuples(st.sampled_from((*USERS, "nobody")), MINUTES), max_size=60),
    window=st.none() | st.integers(0, 15),
    order=st.randoms(use_true_random=False),
)
def test_no_leak_whatever_comes_late(
    compute: SparkCompute,
    facts: set[tuple[str, int, int]],
    asked: list[tuple[str, int]],
    window: int | None,
    order: random.Random,
) -> None:
    features = [
        feature(user, at / 60, (at + delay) / 60, float(n)) for n, (user, at, delay) in enumerate(sorted(facts))
    ]
    order.shuffle(features)
    rows: list[Row] = [(n, user, hour(at / 60)) for n, (user, at) in enumerate(asked)]
    held = None if window is None else timedelta(minutes=window)
    answers = joined(compute, rows, features, held)
    clocks = {one[3]: max(one[1], one[2]) for one in features}
    leaks = [(at, answers[n]) for n, _, at in rows if at and answers[n] is not None and clocks[answers[n]] > at]
    assert not leaks
    assert answers == naive(rows, features, held)
