"""Stores on another machine go away, hang, lose what they had, and come back: errors in time, and no restart needed."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import Conflict, StorageFailed
from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.settings import Settings
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state import open_state
from support.fake_service import Client, FakeService, running
from support.servers import StoreServer, StoreServers

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TABLE = FeatureTable(
    "quikapp_ml.features.people", ("user_id",), version=1,
    columns=pa.schema([("user_id", pa.string()), ("n", pa.int64())]),
)  # fmt: skip


@pytest.fixture(params=["redis", "postgres"])
def server(request: pytest.FixtureRequest, store_servers: StoreServers) -> StoreServer:
    return store_servers[request.param]


@contextmanager
def failing_within(seconds: float, says: str = " ") -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(StorageFailed, match=says) as caught:
        yield
    assert time.monotonic() - began < seconds
    assert "same" not in str(caught.value), "the password is in the message"


def test_an_online_store_that_went_away_and_came_back(server: StoreServer) -> None:
    with closing(open_online_store(server.new_url())) as store:
        store.claim("home")
        store.write({"people": {"ada": b"1"}}, checkpoint=1)
        server.kill()
        with failing_within(3):
            store.get("people", ["ada"])
        with failing_within(3):
            store.write({"people": {"bob": b"2"}}, checkpoint=2)
        with failing_within(3):
            list(store.items("people"))
        assert not store.answers()

        server.start()
        assert store.get("people", ["ada", "bob"]) == [b"1", None]
        store.write({"people": {"bob": b"2"}}, checkpoint=2)
        assert (store.answers(), store.checkpoint, store.count("people")) == (True, 2, 2)


def test_a_restart_between_two_questions_is_not_noticed(server: StoreServer) -> None:
    with closing(open_online_store(server.new_url())) as store:
        store.claim("home")
        store.write({"people": {"ada": b"1"}}, checkpoint=1)
        assert store.get("people", ["ada"]) == [b"1"]
        server.kill()
        server.start()
        assert store.get("people", ["ada"]) == [b"1"]
        store.write({"people": {"bob": b"2"}}, checkpoint=2)
        assert store.checkpoint == 2


def test_an_online_store_that_hangs_is_waited_for_once(server: StoreServer) -> None:
    with closing(open_online_store(server.new_url())) as store:
        store.write({"people": {"ada": b"1"}}, checkpoint=1)
        assert store.get("people", ["ada"]) == [b"1"]
        server.freeze()
        try:
            with failing_within(4):
                store.get("people", ["ada"])
            with failing_within(0.5, "asked again soon"):
                store.get("people", ["ada"])
            began = time.monotonic()
            assert not store.answers()
            assert time.monotonic() - began < 6
        finally:
            server.thaw()
        assert store.answers()
        assert store.get("people", ["ada"]) == [b"1"], "an answer does not end the pause"


def test_a_store_that_lost_its_documents_is_not_written_on(server: StoreServer) -> None:
    url = server.new_url()
    with closing(open_online_store(url)) as store:
        store.claim("home")
        store.write({"people": {"ada": b"1"}}, checkpoint=7)
        assert store.get("people", ["ada"]) == [b"1"]
        server.wipe()
        assert not store.answers()
        with failing_within(3, "restart the service"):
            store.get("people", ["ada"])
        with failing_within(3, "restart the service"):
            store.write({"people": {"bob": b"2"}}, checkpoint=8)
    with closing(open_online_store(url)) as again:
        again.claim("home")
        assert (again.checkpoint, list(again.items("people"))) == (0, [])
        again.write({"people": {"bob": b"2"}}, checkpoint=8)
        assert again.get("people", ["bob"]) == [b"2"]


def test_a_store_that_came_back_as_an_older_copy_is_not_written_on(server: StoreServer) -> None:
    url = server.new_url()
    with closing(open_online_store(url)) as store, closing(open_online_store(url)) as restoring:
        store.claim("home")
        store.write({"people": {"ada": b"1"}}, checkpoint=7)
        restoring.write({"people": {"ada": b"0"}}, checkpoint=6)
        with failing_within(3, "it is at 6, it was at 7"):
            store.write({"people": {"bob": b"2"}}, checkpoint=8)
        assert dict(restoring.items("people")) == {"ada": b"0"}


def test_stores_of_one_server_do_not_meet(server: StoreServer) -> None:
    with closing(open_online_store(server.new_url())) as one, closing(open_online_store(server.new_url())) as other:
        one.claim("home-1")
        other.claim("home-2")
        one.write({"people": {"ada": b"1"}}, checkpoint=7)
        assert (other.checkpoint, other.get("people", ["ada"])) == (0, [None])
        other.clear()
        assert one.get("people", ["ada"]) == [b"1"]
        with pytest.raises(Conflict, match="belongs to another home") as refused:
            one.claim("home-2")
        assert "same" not in str(refused.value)


def ask_for_features(client: Client, *, is_there: bool, seconds: float) -> None:
    """Views answer from memory; a table says that its store does not, and the catalogue that it knows no table."""
    path, keys = "/api/ml/features/online", [{"user_id": "user-123"}]
    began = time.monotonic()
    table = client.post(path, json={"table": TABLE.name, "keys": keys})
    catalogue = client.get("/api/ml/features").json()
    view = client.post(path, json={"view": "user_activity", "keys": keys}).json()
    assert time.monotonic() - began < seconds
    assert view["entities"][0]["values"]["message_count"] == 1.0
    names = [source["name"] for source in catalogue["sources"]]
    assert (catalogue["published_known"], "user_activity" in names, TABLE.name in names) == (is_there, True, is_there)
    if is_there:
        assert table.json()["entities"][0]["values"] == {"n": 7}
    else:
        assert (table.status_code, "online store" in table.json()["error"]["message"]) == (503, True)


def test_features_are_read_while_their_store_is_away_and_what_lacks_is_said(
    server: StoreServer, tmp_path: Path
) -> None:
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))
    with closing(open_online_store(server.new_url())) as store, running(service) as client:
        service.online_features = OnlineFeatureService(service.features, store, MemoryRegistry(), time.time)
        publish(TABLE, pa.table({"user_id": ["user-123"], "n": [7]}), store, NOW, overwrite=False)
        ask_for_features(client, is_there=True, seconds=3)
        server.kill()
        ask_for_features(client, is_there=False, seconds=3)
        server.start()
        ask_for_features(client, is_there=True, seconds=3)
        server.freeze()
        try:
            ask_for_features(client, is_there=False, seconds=4)
            ask_for_features(client, is_there=False, seconds=0.5)  # it was waited for once
        finally:
            server.thaw()
        assert store.answers()
        ask_for_features(client, is_there=True, seconds=3)


def test_control_state_that_went_away_hung_and_came_back(store_servers: StoreServers) -> None:
    server = store_servers["postgres"]
    with closing(open_state(server.new_url())) as state:
        run = state.job_runs.start_run("ml_pipeline", "manual", {}, NOW)
        server.kill()
        with failing_within(3):
            state.job_runs.start_run("ml_pipeline", "manual", {}, NOW)
        with failing_within(3):
            state.tokens.all()
        server.start()
        assert state.job_runs.run(run.run_id) == run
        server.freeze()
        try:
            with failing_within(9):
                state.job_runs.runs()
        finally:
            server.thaw()
        assert state.job_runs.start_run("ml_pipeline", "manual", {}, NOW).run_id > run.run_id
