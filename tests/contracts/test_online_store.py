"""The promises of `OnlineStore`, held against every implementation."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Conflict, InvalidInput, StorageFailed
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.base import OnlineStore
from support.servers import StoreServers

KEPT = ["sqlite", "redis", "postgres"]
"""Stores whose documents outlive the process."""


def _url(kind: str, servers: StoreServers, folder: Path) -> str:
    embedded = {"memory": "memory://", "sqlite": f"sqlite:///{folder / 'online.db'}"}
    return embedded.get(kind) or servers[kind].new_url()


@pytest.fixture(params=["memory", *KEPT])
def store(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> Iterator[OnlineStore]:
    store = open_online_store(_url(request.param, store_servers, tmp_path))
    yield store
    store.close()


@pytest.fixture(params=KEPT)
def url(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> str:
    return _url(request.param, store_servers, tmp_path)


def test_empty_at_first(store: OnlineStore) -> None:
    assert store.get("people", ["ada"]) == [None]
    assert store.get("people", []) == []
    assert list(store.items("people")) == []
    assert store.count("people") == 0
    assert store.checkpoint == 0
    assert store.answers()


def test_documents_come_back_in_the_order_of_the_keys(store: OnlineStore) -> None:
    store.write({"people": {"ada": b"1", "bob": b"2"}})
    assert store.get("people", ["bob", "nobody", "ada", "bob"]) == [b"2", None, b"1", b"2"]


def test_namespaces_do_not_meet(store: OnlineStore) -> None:
    store.write({"people": {"x": b"1"}, "channels": {"x": b"2", "y": b"3"}})
    assert store.get("people", ["x", "y"]) == [b"1", None]
    assert dict(store.items("channels")) == {"x": b"2", "y": b"3"}
    assert (store.count("people"), store.count("channels")) == (1, 2)


def test_a_later_write_wins_and_none_takes_away(store: OnlineStore) -> None:
    store.write({"people": {"ada": b"1", "bob": b"2"}})
    store.write({"people": {"ada": b"3", "bob": None, "nobody": None}})
    assert dict(store.items("people")) == {"ada": b"3"}


def test_the_checkpoint_stays_until_it_is_written(store: OnlineStore) -> None:
    store.write({}, checkpoint=2**62)
    store.write({"people": {"ada": b"1"}})
    assert store.checkpoint == 2**62
    store.write({}, checkpoint=7)
    assert store.checkpoint == 7


@pytest.mark.parametrize("key", ["", "зоя 🙂", "a\x00b", "a'b\"c", "\x1f", "%", "x" * 5000])
@pytest.mark.parametrize("document", [b"", b"\x00\xff", b"x" * 100_000])
def test_any_key_and_any_bytes(store: OnlineStore, key: str, document: bytes) -> None:
    store.write({key: {key: document, key + "2": b"2"}})
    assert store.get(key, [key]) == [document]
    assert dict(store.items(key)) == {key: document, key + "2": b"2"}


def test_more_keys_than_a_query_or_a_page_takes(store: OnlineStore) -> None:
    keys = [f"k{index}" for index in range(5_001)]
    store.write({"many": {key: key.encode() for key in keys}})
    assert store.get("many", [*keys, "none"]) == [*(key.encode() for key in keys), None]
    assert sorted(key for key, _ in store.items("many")) == sorted(keys)
    assert store.count("many") == 5_001


def test_a_write_that_is_refused_changes_nothing(store: OnlineStore) -> None:
    store.write({"people": {"ada": b"1"}}, checkpoint=1)
    wrong: dict[str, bytes | None] = {"ada": b"2", "bob": {"not": "bytes"}}  # type: ignore[dict-item]
    with pytest.raises((StorageFailed, TypeError)):
        store.write({"people": wrong}, checkpoint=2)
    assert dict(store.items("people")) == {"ada": b"1"}
    assert store.checkpoint == 1


def test_reading_while_others_write(store: OnlineStore) -> None:
    def write(index: int) -> None:
        store.write({"people": {f"{index}-{part}": bytes([part]) for part in range(20)}}, checkpoint=index)

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(write, index) for index in range(20)]
        for _ in range(20):
            assert len(list(store.items("people"))) <= 400
        for future in done:
            future.result()
    assert store.count("people") == 400


def test_a_closed_store_refuses(store: OnlineStore) -> None:
    store.close()
    assert not store.answers()
    with pytest.raises(StorageFailed):
        store.get("people", ["ada"])
    with pytest.raises(StorageFailed):
        list(store.items("people"))
    with pytest.raises(StorageFailed):
        store.write({"people": {"ada": b"1"}})


def test_a_store_belongs_to_the_first_that_claims_it(store: OnlineStore) -> None:
    store.write({"people": {"ada": b"1"}}, checkpoint=3)
    store.claim("home-1")
    store.claim("home-1")
    with pytest.raises(Conflict, match="belongs to another home"):
        store.claim("home-2")
    store.write({"people": {"bob": b"2"}}, checkpoint=4)
    assert store.checkpoint == 4
    assert store.get("people", ["ada", "bob"]) == [b"1", b"2"]


def test_clear_leaves_nothing_but_the_owner(store: OnlineStore) -> None:
    store.claim("home-1")
    store.clear()
    store.write({"people": {"ada": b"1"}, "": {"": b""}}, checkpoint=3)
    store.clear()
    assert store.checkpoint == 0
    assert (store.count("people"), store.count("")) == (0, 0)
    assert list(store.items("people")) == []
    with pytest.raises(Conflict):
        store.claim("home-2")
    store.write({"people": {"bob": b"2"}}, checkpoint=1)
    assert (dict(store.items("people")), store.checkpoint) == ({"bob": b"2"}, 1)


def test_clear_keeps_what_it_is_told_to(store: OnlineStore) -> None:
    store.claim("home-1")
    store.write({"people": {"ada": b"1"}, "tables": {"x": b"2", "y": b"3"}, "é": {"x": b"4"}}, checkpoint=3)
    store.clear(keep=["tables", "é", "nothing"])
    assert (store.checkpoint, store.count("people")) == (0, 0)
    assert (dict(store.items("tables")), store.get("é", ["x"])) == ({"x": b"2", "y": b"3"}, [b"4"])
    store.clear()
    assert (store.count("tables"), store.count("é")) == (0, 0)


def test_a_key_that_is_no_text_is_refused(url: str) -> None:
    with closing(open_online_store(url)) as store:
        with pytest.raises(InvalidInput, match="not text"):
            store.write({"people": {"ada": b"1", "\ud800": b"2"}})
        assert store.count("people") == 0


def test_documents_owner_and_checkpoint_survive_reopening(url: str) -> None:
    with closing(open_online_store(url)) as store:
        store.claim("home-1")
        store.write({"people": {"ada": b"1"}}, checkpoint=5)
    with closing(open_online_store(url)) as again:
        assert (dict(again.items("people")), again.checkpoint) == ({"ada": b"1"}, 5)
        with pytest.raises(Conflict):
            again.claim("home-2")


def test_a_second_opener_reads_all_of_a_write_or_nothing_of_it(url: str) -> None:
    keys = [f"k{index}" for index in range(400)]
    with closing(open_online_store(url)) as writer, closing(open_online_store(url)) as reader:
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(lambda: [writer.write({"n": dict.fromkeys(keys, b"%d" % n)}) for n in range(12)])
            while not writing.done():
                assert len(set(reader.get("n", keys))) == 1
        assert set(reader.get("n", keys)) == {b"11"}


def test_two_openers_write_at_once_and_both_land(url: str) -> None:
    """As the service does, which moves the checkpoint, and a publication of a feature table."""
    with closing(open_online_store(url)) as service, closing(open_online_store(url)) as other:
        service.claim("home")

        def move() -> None:
            for number in range(1, 41):
                service.write({"people": {f"p{number}": b"1"}}, checkpoint=number)

        with ThreadPoolExecutor(1) as pool:
            moving = pool.submit(move)
            for number in range(40):
                other.write({"tables": {f"{number}-{part}": b"2" for part in range(50)}})
            moving.result()
        assert (service.checkpoint, service.count("people"), service.count("tables")) == (40, 40, 2_000)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.dictionaries(st.sampled_from(["x", "y", "z", "é"]), st.none() | st.binary(max_size=4), max_size=4),
        ),
        max_size=6,
    )
)
def test_it_behaves_like_dictionaries(store: OnlineStore, writes: list[dict[str, dict[str, bytes | None]]]) -> None:
    model: dict[str, dict[str, bytes]] = {"a": {}, "b": {}}
    store.write({name: dict.fromkeys(["x", "y", "z", "é"]) for name in model})
    for changes in writes:
        store.write(changes)
        for namespace, documents in changes.items():
            merged: dict[str, bytes | None] = {**model[namespace], **documents}
            model[namespace] = {key: document for key, document in merged.items() if document is not None}
    assert {name: dict(store.items(name)) for name in model} == model
