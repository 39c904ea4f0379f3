"""One definition, two compilations: the tables made by SQL hold the very values that the service counts online."""

import math
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from quikapp_ml.entities.activities import Activity
from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES
from quikapp_ml.training.silver import FEATURE_TABLES, build_silver
from support.logs import LOG_END, folded, late, random_log, table_of

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def arrived() -> list[Event]:
    """A random log with late events: answers before what they answer to, leaves before joins."""
    return late(random_log(seed=5, n_events=1_500), seed=6, most_places=300)


@pytest.fixture(scope="module")
def lake(compute: Compute, arrived: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return built(tmp_path_factory.mktemp("lake"), compute, arrived, LOG_END)


def built(folder: Path, compute: Compute, events: list[Event], as_of: datetime) -> Lake:
    lake = open_lake(str(folder))
    lake.ensure(EVENTS)
    half = len(events) // 2
    lake.append(EVENTS.name, table_of(events[:half], as_of - timedelta(hours=1)))
    lake.append(EVENTS.name, table_of(events[half:], as_of))
    build_silver(lake, compute, as_of)
    return lake


def activities_of(events: list[Event]) -> list[Activity]:
    """Who did what by the events; an author who became known later is filled in, as `completes` says."""
    workspace = Workspace()
    done: list[Activity] = []
    for event in events:
        for one in workspace.apply(event):
            if one.completes:
                done.remove(Activity(one.kind, one.at, one.user_id, one.channel_id, one.message_id))
            done.append(one)
    return done


def test_activities(lake: Lake, arrived: list[Event]) -> None:
    rows = lake.read(ACTIVITIES.name).to_pylist()
    by_sql = Counter(
        (r["kind"], r["event_time"].timestamp(), r["user_id"], r["channel_id"], r["message_id"], r["other_user_id"])
        for r in rows
    )
    online = Counter(
        (a.kind, a.at, a.user_id, a.channel_id, a.message_id, a.other_user_id) for a in activities_of(arrived)
    )
    assert by_sql == online
    assert {kind for kind, *_ in online} == {
        "posted", "replied", "mentioned", "reacted", "read", "joined", "left", "reported",
    }  # fmt: skip


def test_the_log_really_has_late_authors(arrived: list[Event]) -> None:
    workspace = Workspace()
    assert sum(one.completes for event in arrived for one in workspace.apply(event)) > 20


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_every_value_of_a_view(view: FeatureView, lake: Lake, arrived: list[Event]) -> None:
    assert_same_values(lake, view, folded(arrived)[1], LOG_END)


def test_what_was_not_known_yet_does_not_count(lake: Lake, compute: Compute, arrived: list[Event]) -> None:
    """Two clocks: what happened before the moment, and was learnt of before it."""
    (view,) = (one for one in FEATURE_VIEWS if one.name == "user_activity")
    sql = view.sql("activities", LOG_END, known_by=LOG_END - timedelta(minutes=1))
    rows = compute.query(sql, {"activities": lake.uri(ACTIVITIES.name)}).to_pylist()
    _, features = folded(arrived[: len(arrived) // 2])
    known = {row["user_id"]: row["message_count"] for row in rows}
    assert known == {user: features.values(view.name, (user,), LOG_END.timestamp())[0] for user in known}
    assert 0 < sum(known.values()) < sum(one.type == "message" for one in arrived)


def test_messages(lake: Lake, arrived: list[Event]) -> None:
    workspace, _ = folded(arrived)
    rows = lake.read(MESSAGES.name).to_pylist()
    by_sql = {
        (r["channel_id"], r["message_id"]): (
            r["user_id"], r["thread_id"], r["posted_at"].timestamp(), r["is_bot"], r["is_deleted"],
            r["n_reactions"], r["n_replies"], r["n_reports"],
        )
        for r in rows
    }  # fmt: skip
    places = product(workspace.channels, (f"m{number}" for number in range(len(arrived))))
    online = {
        place: (
            m.author_id, m.thread_id, m.posted_at, m.is_bot, m.is_deleted, m.n_reactions, m.n_replies, m.n_reports,
        )
        for place in places
        if (m := workspace.message(*place))
    }  # fmt: skip
    assert by_sql == online
    assert len(rows) == len(by_sql) > 500


def test_a_sample_workspace(compute: Compute, tmp_path: Path) -> None:
    config = SampleConfig(users=25, days=4, seed=11)
    as_of = config.until + timedelta(days=1)
    events = late([parse_event(one, now=as_of) for one in generate(config)], seed=2, most_places=200)
    lake = built(tmp_path, compute, events, as_of)
    for view in FEATURE_VIEWS:
        assert_same_values(lake, view, folded(events)[1], as_of)


def assert_same_values(lake: Lake, view: FeatureView, features: OnlineFeatures, as_of: datetime) -> None:
    """The table has a row for each entity that was counted online, and in it the same values."""
    rows = lake.read(FEATURE_TABLES[view.name].name).to_pylist()
    by_key = {tuple(row[part] for part in view.entity_key): row for row in rows}
    assert set(by_key) == counted_keys(view, features)
    assert len(by_key) == len(rows) > 0
    for key, row in by_key.items():
        expected = [math.nan if row[name] is None else row[name] for name in view.features]
        values = features.values(view.name, key, as_of.timestamp())
        assert values == pytest.approx(expected, rel=1e-6, abs=1e-12, nan_ok=True), key
        assert row["as_of"] == as_of


def counted_keys(view: FeatureView, features: OnlineFeatures) -> set[tuple[str, ...]]:
    """Every entity of the view that the state writes a document about."""
    (namespace,) = (name for name in features.NAMESPACES if name.startswith(f"features.{view.name}."))
    return {tuple(key.split("\t")[: len(view.entity_key)]) for key in features.changes()[namespace]}
