"""A whole service with its documents in Redis or PostgreSQL and its control state in PostgreSQL."""

import inspect
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quikapp_ml import bootstrap
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.errors import Conflict, StorageFailed
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.serving.intake import EVENT_IDS, EventIntake
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.spool.memory import MemorySpool
from support import delivering
from support.delivering import EVENTS_A_LIST, lists, sample_events
from support.servers import StoreServers

USERS, DAYS = 30, 7


@pytest.fixture(params=["redis", "postgres"])
def environment(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> dict[str, str]:
    return {
        "QUIKAPP_ML_HOME": str(tmp_path / "home"),
        "QUIKAPP_ML_ONLINE_STORE_URL": store_servers[request.param].new_url(),
        "QUIKAPP_ML_STATE_URL": store_servers["postgres"].new_url(),
        "QUIKAPP_ML_LAKE_FLUSH_SECONDS": "0.02",
        "QUIKAPP_ML_RUN_SCHEDULES": "false",
        "MLFLOW_TRACKING_URI": "memory://",
    }


def message_counts(features: OnlineFeatures, workspace: Workspace) -> dict[str, float]:
    """Messages of each person, as answers are made from them."""
    return {person: features.values("user_activity", (person,), 0.0)[0] for person in workspace.people}


def expected_counts() -> dict[str, float]:
    """Of a service in memory that never crashed."""
    workspace, features = Workspace(), OnlineFeatures()
    intake = EventIntake(MemorySpool(), MemoryOnlineStore(), workspace, features)
    intake.recover()
    for some in lists(sample_events(USERS, DAYS)):
        intake.accept_now(some, datetime.now(UTC))
    return message_counts(features, workspace)


def live_and_be_killed(environment: dict[str, str], n_lists: int) -> None:
    """Take events in a process that is killed when it has acknowledged so many lists."""
    sources = [Path(inspect.getfile(bootstrap)).parents[1], Path(inspect.getfile(delivering)).parents[1]]
    process = subprocess.Popen(
        [sys.executable, inspect.getfile(delivering), str(USERS), str(DAYS)],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for number in range(1, n_lists + 1):
            assert process.stdout.readline() == b"%d\n" % (number * EVENTS_A_LIST)
    finally:
        process.kill()
        process.communicate()


def test_kills_lose_nothing_and_double_nothing(environment: dict[str, str]) -> None:
    for n_lists in (9, 14):
        live_and_be_killed(environment, n_lists)
    events = sample_events(USERS, DAYS)
    with closing(open_service(Settings.from_environment(environment))) as service:
        service.start_intake()
        assert sum(message_counts(service.features, service.workspace).values()) > 0
        receipts = [service.intake.accept_now(some, datetime.now(UTC)) for some in lists(events)]
        assert sum(receipt.duplicates for receipt in receipts) >= 14 * EVENTS_A_LIST
        assert message_counts(service.features, service.workspace) == expected_counts()
        service.lake_writer.flush()
        assert service.online.count(EVENT_IDS) == len(events)
        assert sorted(service.lake.read(EVENTS.name, ["event_id"]).column("event_id").to_pylist()) == sorted(
            str(event["event_id"]) for event in events
        )
    with closing(open_service(Settings.from_environment(environment))) as again:
        again.start_intake()
        assert message_counts(again.features, again.workspace) == expected_counts()


def test_another_home_cannot_take_the_same_store(environment: dict[str, str], tmp_path: Path) -> None:
    open_service(Settings.from_environment(environment)).close()
    other = Settings.from_environment({**environment, "QUIKAPP_ML_HOME": str(tmp_path / "other")})
    with pytest.raises(Conflict, match="belongs to another home"):
        open_service(other)


def wait_for(question: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)


def recommended(service: Service) -> list[str]:
    question = RecommendationQuestion(user_id=min(service.workspace.people), limit=20)
    return [item.item_id for item in service.recommendations.recommend(question).recommendations]


def test_answers_go_on_while_the_stores_are_away(environment: dict[str, str], store_servers: StoreServers) -> None:
    """Both servers are killed in the middle; nothing is restarted but them."""
    first, *rest = lists(sample_events(USERS, DAYS))
    with closing(open_service(Settings.from_environment(environment))) as service:
        service.start()
        service.intake.accept_now(first, datetime.now(UTC))
        wait_for(lambda: service.health.report().feature_store == "available", 20)
        before = recommended(service)
        names = ["postgres"] + ["redis"] * environment["QUIKAPP_ML_ONLINE_STORE_URL"].startswith("redis")
        servers = [store_servers[name] for name in names]
        for server in servers:
            server.kill()
        wait_for(lambda: service.health.report().feature_store == "unavailable", 20)
        assert service.health.report().status == "unhealthy"
        assert recommended(service) == before
        with pytest.raises(StorageFailed, match="online store"):
            service.intake.accept_now(rest[0], datetime.now(UTC))
        wait_for(lambda: service.lake_writer.last_error is not None, 20)

        for server in servers:
            server.start()
        wait_for(lambda: service.health.report().feature_store == "available", 20)
        for some in rest:
            service.intake.accept_now(some, datetime.now(UTC))
        assert message_counts(service.features, service.workspace) == expected_counts()
        service.lake_writer.flush()
        assert service.online.checkpoint == service.spool.last_sequence
        assert service.state.tokens.all() != []


def test_a_store_that_was_emptied_is_made_again_by_a_restart(
    environment: dict[str, str], store_servers: StoreServers
) -> None:
    *most, last = lists(sample_events(USERS, DAYS))
    with closing(open_service(Settings.from_environment(environment))) as service:
        service.start_intake()
        for some in most:
            service.intake.accept_now(some, datetime.now(UTC))
        service.lake_writer.flush()
        kind = "redis" if environment["QUIKAPP_ML_ONLINE_STORE_URL"].startswith("redis") else "postgres"
        store_servers[kind].wipe()
        with pytest.raises(StorageFailed, match="restart the service"):
            service.intake.accept_now(last, datetime.now(UTC))
    with closing(open_service(Settings.from_environment(environment))) as again:
        again.start_intake()
        receipts = [again.intake.accept_now(some, datetime.now(UTC)) for some in (*most, last)]
        assert sum(receipt.accepted for receipt in receipts) == len(last)
        assert message_counts(again.features, again.workspace) == expected_counts()
