"""One definition, two compilations: the tables made by SQL hold the very values that the service counts online."""

import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

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
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.silver import build_silver
from support.logs import LOG_END, folded, late, random_log, table_of

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


N_STEPS = 10


@pytest.fixture(scope="module")
def arrived() -> list[Event]:
    """A random log with late events: answers before what they answer to, leaves before joins; some are sent twice."""
    told = random_log(seed=5, n_events=1_500)
    again = [one.model_copy(update={"event_id": f"{one.event_id} again"}) for one in told[::9]]
    return late(sorted([*told, *again], key=lambda one: one.event_time), seed=6, most_places=300)


def known_at(step: int) -> datetime:
    """When the events of a step were learnt of; the last one at the end of the log."""
    return LOG_END - timedelta(hours=N_STEPS - 1 - step)


def until(step: int, events: list[Event]) -> list[Event]:
    """What had arrived after a step."""
    return events[: len(events) * (step + 1) // N_STEPS]


@pytest.fixture(scope="module")
def lake(compute: Compute, arrived: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return built(tmp_path_factory.mktemp("lake"), compute, arrived, LOG_END)


def built(folder: Path, compute: Compute, events: list[Event], as_of: datetime) -> Lake:
    lake = open_lake(str(folder))
    lake.ensure(EVENTS)
    n_told = 0
    for step in range(N_STEPS):
        told = until(step, events)
        lake.append(EVENTS.name, table_of(told[n_told:], known_at(step)))
        n_told = len(told)
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
            done.append(replace(one, completes=False))
    return done


def test_activities(lake: Lake, arrived: list[Event]) -> None:
    rows = lake.read(ACTIVITIES.name).to_pylist()
    by_sql = Counter(
        Activity(
            r["kind"], r["event_time"].timestamp(), r["user_id"], r["channel_id"], r["message_id"], r["other_user_id"],
            value=r["value"],
        )
        for r in rows
    )  # fmt: skip
    online = Counter(activities_of(arrived))
    assert by_sql == online
    assert sum(one.value is not None for one in online) > 50
    assert {one.kind for one in online} == {
        "posted", "replied", "mentioned", "reacted", "read", "joined", "left", "reported",
    }  # fmt: skip


def test_the_log_really_has_late_authors(arrived: list[Event]) -> None:
    workspace = Workspace()
    assert sum(one.completes for event in arrived for one in workspace.apply(event)) > 20


def test_the_log_really_deletes_also_what_has_not_arrived_yet(arrived: list[Event]) -> None:
    posted = {one.message_id: place for place, one in reversed([*enumerate(arrived)]) if one.type == "message"}
    deleted = [(place, one.message_id) for place, one in enumerate(arrived) if one.type == "delete"]
    assert sum(posted.get(message_id, place) < place for place, message_id in deleted) > 5
    assert sum(posted.get(message_id, place) > place for place, message_id in deleted) > 0


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_every_value_of_a_view(view: FeatureView, lake: Lake, arrived: list[Event]) -> None:
    assert_same_values(lake, view, folded(arrived)[1], LOG_END)


@pytest.mark.parametrize("view", FEATURE_VIEWS, ids=lambda view: view.name)
def test_every_value_of_a_view_after_each_step(
    view: FeatureView, lake: Lake, compute: Compute, arrived: list[Event]
) -> None:
    """Two clocks: what had happened until then, as far as it was known then."""
    for step in range(N_STEPS):
        told = until(step, arrived)
        newest = max(one.event_time for one in told)
        sql = view.sql("activities", newest, known_by=known_at(step))
        rows = compute.query(sql, {"activities": lake.uri(ACTIVITIES.name)})
        assert_same_rows(rows.to_pylist(), view, folded(told)[1], newest)


def test_the_log_really_tells_of_every_feature(lake: Lake, arrived: list[Event]) -> None:
    rows = lake.read(ACTIVITIES.name).to_pylist()
    assert sum(row["other_ingest_time"] > row["ingest_time"] for row in rows) > 8
    now = LOG_END.timestamp()
    for view in FEATURE_VIEWS:
        features = folded(arrived)[1]
        blank = features.values(view.name, ("nobody",) * len(view.entity_key), now)
        columns = features.matrix(view.name, sorted(counted_keys(view, features)), now).T
        for name, column, nothing in zip(view.features, columns.tolist(), blank, strict=True):
            assert {value for value in column if not math.isnan(value)} - {nothing}, (view.name, name)


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
    assert_same_rows(lake.read(FEATURE_TABLES[view.name].name).to_pylist(), view, features, as_of)


def assert_same_rows(rows: list[dict[str, Any]], view: FeatureView, features: OnlineFeatures, as_of: datetime) -> None:
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
