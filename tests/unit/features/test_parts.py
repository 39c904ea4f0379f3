"""Values from parts and changes are those that are counted of all activities at once."""

from datetime import timedelta
from math import isclose
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.aggregates import Count, Decayed, Distinct, Mean
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.parts import ViewParts, parts_of
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import ACTIVITIES
from support.logs import LOG_END

N = 300
CHANGES = Table("quikapp_ml.work.changes", ACTIVITIES.columns.append(pa.field("is_gone", pa.bool_())), (), "")


@pytest.fixture(scope="module")
def compute() -> Any:
    engine = open_compute()
    yield engine
    engine.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path))


def activities(seed: int) -> list[dict[str, Any]]:
    rng = Random(seed)
    rows = []
    for number in range(N):
        at = LOG_END - timedelta(days=60) * rng.random()
        other = rng.choice((None, "u1", "u2", "u3"))
        kind = rng.choice(("posted", "replied", "reacted", "reported", "read", "joined", "mentioned"))
        rows.append(
            {
                "event_id": f"e{number}", "event_time": at, "ingest_time": at, "kind": kind,
                "user_id": f"u{rng.randrange(6)}", "channel_id": f"c{rng.randrange(3)}",
                "message_id": None if kind == "joined" else f"m{rng.randrange(20)}", "other_user_id": other,
                "value": 3_600 * rng.random() if other and kind == "replied" else None, "other_ingest_time": at,
                "week": at.date() - timedelta(days=at.weekday()),
            }
        )  # fmt: skip
    return rows


def told(lake: Lake, compute: Compute, sql: str, **tables: list[dict[str, Any]]) -> pa.Table:
    for name, rows in tables.items():
        declared = CHANGES if name == "changes" else Table(f"quikapp_ml.work.{name}", ACTIVITIES.columns, (), "")
        lake.ensure(declared)
        lake.overwrite(declared.name, pa.Table.from_pylist(rows, schema=declared.columns))
    views = {name: lake.uri(f"quikapp_ml.work.{name}") for name in tables}
    if lake.exists("quikapp_ml.work.parts"):
        views["parts"] = lake.uri("quikapp_ml.work.parts")
    return compute.query(sql, views)


def keep(lake: Lake, parts: pa.Table) -> None:
    if lake.exists("quikapp_ml.work.parts"):
        lake.drop("quikapp_ml.work.parts")
    lake.ensure(Table("quikapp_ml.work.parts", parts.schema, (), ""))
    lake.append("quikapp_ml.work.parts", parts)


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("some_are_gone", [False, True])
def test_values_from_parts(view: FeatureView, some_are_gone: bool, lake: Lake, compute: Compute) -> None:
    since, as_of = LOG_END - timedelta(days=9), LOG_END - timedelta(hours=30)
    all_of_them = activities(len(view.name))
    late, gone = all_of_them[::7], all_of_them[3::11] if some_are_gone else []
    before = [one for one in all_of_them if one not in late]
    now = [one for one in all_of_them if one not in gone or one in late]
    changes = [{**one, "is_gone": False} for one in all_of_them if one in late or one["event_time"] > since]
    changes += [{**one, "is_gone": True} for one in gone if one not in late]
    keep(lake, told(lake, compute, ViewParts(view).counted("activities", since), activities=before))

    statement = ViewParts(view).values(as_of, since, some_are_gone=some_are_gone)
    found = told(lake, compute, statement, activities=now, changes=changes)
    expected = told(lake, compute, view.sql("activities", as_of), activities=now)
    key = list(view.entity_key)
    ours, theirs = (sorted(rows.to_pylist(), key=lambda row: [row[part] for part in key]) for rows in (found, expected))
    assert [row.keys() for row in ours] == [row.keys() for row in theirs]
    assert len(ours) > 2
    for our, their in zip(ours, theirs, strict=True):
        for name, value in their.items():
            same = isclose(our[name], value, rel_tol=1e-9) if isinstance(value, float) else our[name] == value
            assert same, (name, our, their)


@pytest.mark.parametrize(
    ("view", "n_gone"), [("user_activity", 1), ("user_channel_affinity", 0), ("message_activity", 0)]
)
def test_an_author_who_becomes_known_changes_only_what_is_told_of_authors(
    view: str, n_gone: int, lake: Lake, compute: Compute
) -> None:
    answer = next(one for one in activities(0) if one["kind"] == "replied" and one["other_user_id"])
    unknown = {**answer, "other_user_id": None, "value": None}
    changes = [{**unknown, "is_gone": True}, {**answer, "is_gone": False}]
    (declared,) = (one for one in FEATURE_VIEWS if one.name == view)
    assert told(lake, compute, ViewParts(declared).gone, changes=changes).to_pylist() == [{"n": n_gone}]


def test_what_is_counted_over_days_has_no_parts() -> None:
    assert parts_of("n", Count(("posted",), days=7), 0) == ()
    assert parts_of("n", Distinct(("posted",), of="user_id", days=7), 0) == ()
    assert [part.name for part in parts_of("n", Mean(("replied",)), 0)] == ["n_sum", "n_n"]


def test_what_has_faded_away_counts_as_nothing() -> None:
    (part,) = parts_of("n", Decayed(("posted",), half_life_days=1), 0)
    assert "CAST(0.5 AS DOUBLE)" in part.merged(86_400)
    assert "CAST(0.0 AS DOUBLE)" in part.merged(86_400 * 2_000)
