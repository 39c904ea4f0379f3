import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, QuikAppMLError, Unavailable
from quikapp_ml.serving.deployments import Deployment
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.lake_writer import LakeWriter
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import inference_table
from quikapp_ml.stores.state.endpoints import AutoCapture, EndpointConfig, EndpointRecord, ServedEntity
from quikapp_ml.stores.state.memory_endpoints import MemoryEndpointRecords
from support.endpoints import RECORD, Setup, config

YES = b'{"predictions":[{"says_yes":true}]}'
NO = b'{"predictions":[{"says_yes":false}]}'


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    setup = Setup(tmp_path)
    yield setup
    setup.host.close()


def test_an_endpoint_serves_the_very_version_that_was_named(setup: Setup) -> None:
    record = setup.create("mine", 4)
    assert record.active is not None and (record.active.version, record.pending, record.failure) == (1, None, "")
    scored, served_by = setup.ask("mine")
    assert (scored.status, scored.body, served_by) == (200, YES, "v4")
    setup.create("other", 6)
    assert setup.ask("other")[0].body == NO


def test_several_records_and_forms_are_answered_in_order(setup: Setup) -> None:
    setup.create("mine", 4)
    scored, _ = setup.ask("mine", {"dataframe_split": {"columns": ["value"], "data": [[0.1], [0.9], [1]]}})
    assert [row["says_yes"] for row in json.loads(scored.body)["predictions"]] == [False, True, True]


def test_a_name_is_taken_once_and_must_fit_into_a_url(setup: Setup) -> None:
    setup.create("mine", 1)
    with pytest.raises(AlreadyExists):
        setup.host.create("mine", config(2), "bob", {}, "")
    for name in ("", "a b", "-a", "a-", "ä", "a/b", "x" * 64, ".."):
        with pytest.raises(InvalidInput, match="endpoint name"):
            setup.host.create(name, config(1), "ann", {}, "")


@pytest.mark.parametrize(
    ("wanted", "error", "told"),
    [
        (config(), InvalidInput, "1 to 10"),
        (config(*range(1, 10), 1, 2), InvalidInput, "not 11"),
        (config(1, 1), InvalidInput, "given twice: v1"),
        (config(1, 2), InvalidInput, "traffic_config"),
        (config(1, 2, shares=(90, 9)), InvalidInput, "100, not 99"),
        (config(1, 2, shares=(110, -10)), InvalidInput, "0 to 100"),
        (WantedConfig(config(1).entities, {"v2": 100}), InvalidInput, "v2, the endpoint serves v1"),
        (config(77), NotFound, "no version 77; it has 9"),
        (WantedConfig([WantedEntity("nobody", 1)]), NotFound, "there are threshold"),
        (WantedConfig([WantedEntity("threshold", 1, "a/b")]), InvalidInput, "served entity name"),
        (config(1, capture=AutoCapture("other", "s", "p")), InvalidInput, "catalog_name must be quikapp_ml"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_made(
    setup: Setup, wanted: WantedConfig, error: type[QuikAppMLError], told: str
) -> None:
    with pytest.raises(error, match=told):
        setup.host.create("mine", wanted, "ann", {}, "")
    assert setup.host.all() == []


def test_while_models_are_being_registered_a_missing_one_may_still_come(setup: Setup) -> None:
    setup.host._is_complete = lambda: False
    with pytest.raises(Unavailable, match="still being registered"):
        setup.host.create("mine", config(77), "ann", {}, "")


def test_shares_decide_who_answers_and_a_unit_stays_with_its_version(setup: Setup) -> None:
    setup.create("mine", 1, 2, shares=(90, 10))

    async def ask_all() -> tuple[Counter[str], list[str]]:
        by_lot = Counter([(await setup.ask_in_loop("mine"))[1] for _ in range(2_000)])
        body: dict[str, Any] = {"dataframe_records": [{**RECORD, "user_id": "u-7"}]}
        return by_lot, [(await setup.ask_in_loop("mine", body))[1] for _ in range(50)]

    by_lot, of_one = asyncio.run(ask_all())
    assert 120 < by_lot["v2"] < 290  # 200 expected, 6 standard deviations
    assert len(set(of_one)) == 1
    units = Counter(setup.host._active["mine"].choose(f"user-{number}".strip).entity.name for number in range(5_000))
    assert 400 < units["v2"] < 600
    assert setup.ask("mine", entity="v2")[1] == "v2"
    with pytest.raises(NotFound, match="it has v1, v2"):
        setup.ask("mine", entity="v3")


@given(
    first=st.integers(0, 100), change=st.integers(-100, 100), unit=st.text(min_size=1, max_size=5)
)  # fmt: skip
def test_moving_a_share_moves_only_as_many_units(first: int, change: int, unit: str) -> None:
    second = min(100, max(0, first + change))
    before, after = _chosen(first, unit), _chosen(second, unit)
    if second >= first and before == "a":
        assert after == "a"
    if second <= first and before == "b":
        assert after == "b"


def _chosen(share: int, unit: str) -> str:
    now = NOW
    entities = tuple(ServedEntity(name, "threshold", 1, "ann", now) for name in ("a", "b"))
    shares = {"a": share, "b": 100 - share}

    class Named:
        def __init__(self, entity: ServedEntity) -> None:
            self.entity = entity

    made: Any = Named
    return Deployment("mine", EndpointConfig(1, entities, shares, now), made).choose(lambda: unit).entity.name


NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_an_update_drops_no_request_and_changes_over_when_all_is_loaded(setup: Setup) -> None:
    setup.create("mine", 1)
    stop = threading.Event()
    answers: list[tuple[int, str]] = []

    def keep_asking() -> None:
        while not stop.is_set():
            scored, served_by = setup.ask("mine")
            answers.append((scored.status, served_by))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(keep_asking) for _ in range(4)]
        for number in (2, 3, 4):
            setup.host.update_config("mine", config(number), "ann")
            setup.settled("mine")
            time.sleep(0.05)
        stop.set()
        for each in asking:
            each.result()
    assert {status for status, _ in answers} == {200}
    assert {served_by for _, served_by in answers} == {"v1", "v2", "v3", "v4"}
    record = setup.host.get("mine")
    assert record.active is not None and record.active.version == 4
    assert setup.ask("mine")[1] == "v4"


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_at_work(setup: Setup) -> None:
    setup.create("mine", 1)
    broken = setup.register(0.5, "support.toy_model:Missing").number  # MLflow is asked then, and finds no MLmodel of it
    setup.host.update_config("mine", config(broken), "ann")
    record = setup.settled("mine")
    assert record.failure.startswith(f"v{broken}: ") and record.active is not None and record.active.version == 1
    assert setup.ask("mine")[1] == "v1"
    served = setup.host.served("mine", f"v{broken}")
    assert served is not None and "failed" in served.log.build_text
    setup.host.update_config("mine", config(2), "ann")
    record = setup.settled("mine")
    assert (record.failure, setup.ask("mine")[1]) == ("", "v2")


def test_a_new_endpoint_that_cannot_be_loaded_says_why(setup: Setup) -> None:
    broken = setup.register(0.5, "support.toy_model:Missing").number
    assert setup.create("mine", broken).failure
    with pytest.raises(InvalidInput, match="could not be made"):
        setup.ask("mine")


def test_one_change_at_a_time(setup: Setup) -> None:
    setup.create("mine", 1)
    setup.records.replace(replace(setup.host.get("mine"), pending=setup.host.get("mine").active))
    with pytest.raises(Conflict, match="being changed already"):
        setup.host.update_config("mine", config(2), "ann")
    with pytest.raises(NotFound):
        setup.host.update_config("other", config(2), "ann")


def test_a_deleted_endpoint_is_gone_and_its_name_is_free(setup: Setup) -> None:
    setup.create("mine", 4)
    setup.host.delete("mine")
    for gone in (lambda: setup.ask("mine"), lambda: setup.host.metrics("mine"), lambda: setup.host.delete("mine")):
        with pytest.raises(NotFound):
            gone()
    setup.create("mine", 6)
    assert setup.ask("mine")[0].body == NO


def test_an_endpoint_without_entities_says_so(setup: Setup) -> None:
    setup.host.create("mine", None, "ann", {"team": "a"}, "for later")
    with pytest.raises(InvalidInput, match="no served entities yet"):
        setup.ask("mine")
    setup.host.update_config("mine", config(1), "ann")
    assert setup.settled("mine").tags == {"team": "a"}


def test_an_idle_entity_is_scaled_to_zero_and_comes_back_with_the_next_request(setup: Setup) -> None:
    setup.create("mine", 4, scales_to_zero=True)
    setup.create("steady", 4)
    served, steady = setup.host.served("mine", "v4"), setup.host.served("steady", "v4")
    assert served is not None and steady is not None and (served.is_loaded, served.concurrency) == (True, 4)
    assert not served.scale_to_zero(60)
    assert served.scale_to_zero(0) and not steady.scale_to_zero(0)
    assert (served.is_loaded, served.concurrency, steady.is_loaded) == (False, 0, True)

    async def many() -> set[bytes]:
        return {scored.body for scored, _ in await asyncio.gather(*(setup.ask_in_loop("mine") for _ in range(20)))}

    assert asyncio.run(many()) == {YES}
    assert served.is_loaded
    assert served.log.build_text.count("loaded by its class") == 2
    assert "scaled to zero" in served.log.service_text


def test_a_restart_takes_up_what_was_served_and_what_was_being_changed(setup: Setup) -> None:
    setup.create("served", 4)
    setup.create("zero", 4, scales_to_zero=True)
    setup.create("changing", 4)
    active = setup.host.get("changing").active
    setup.create("template", 6)
    pending = setup.host.get("template").active
    assert active is not None and pending is not None
    record = setup.host.get("changing")
    setup.records.replace(replace(record, pending=replace(pending, version=2)))  # a crash right after the change began
    again = setup.open()
    again.start([], "ann")
    try:
        setup.settled("changing", again)
        assert asyncio.run(setup.ask_in_loop("changing", host=again))[0].body == NO
        assert asyncio.run(setup.ask_in_loop("served", host=again))[0].body == YES
        zero = again.served("zero", "v4")
        assert zero is not None and not zero.is_loaded
        assert asyncio.run(setup.ask_in_loop("zero", host=again))[0].body == YES
    finally:
        again.close()


def test_artefacts_that_nobody_serves_are_forgotten(setup: Setup) -> None:
    setup.create("mine", 4)
    setup.create("other", 6)
    assert len(list((setup.folder / "cache").iterdir())) == 2
    setup.host.delete("other")
    setup.host._forget_artefacts()
    assert len(list((setup.folder / "cache").iterdir())) == 1
    assert setup.ask("mine")[0].body == YES


def test_requests_and_answers_are_written_to_the_inference_table_without_addresses(setup: Setup) -> None:
    setup.create("mine", 4, capture=AutoCapture("quikapp_ml", "serving", "mine"))
    setup.create("silent", 4, capture=AutoCapture("quikapp_ml", "serving", "silent", enabled=False))
    body = {"client_request_id": "c-1", "dataframe_records": [{**RECORD, "ip_address": "203.0.113.7"}]}
    setup.ask("mine", body)
    setup.ask("silent", body)
    lake = MemoryLake()
    LakeWriter(setup.spool, lake, (), lambda: 10**9, find_table=inference_table).flush()
    assert lake.names() == ["quikapp_ml.serving.mine_payload"]
    (row,) = lake.read("quikapp_ml.serving.mine_payload").to_pylist()
    assert (row["databricks_request_id"], row["client_request_id"], row["status_code"]) == ("r-1", "c-1", 200)
    assert row["response"] == YES.decode() and "203.0.113.7" not in row["request"] and "ip-" in row["request"]
    assert dict(row["request_metadata"])["served_entity_name"] == "v4"
    assert row["date"].isoformat() == time.strftime("%Y-%m-%d", time.gmtime(row["timestamp_ms"] / 1000))


def test_numbers_are_kept_by_entity_and_go_on_over_an_update(setup: Setup) -> None:
    setup.create("mine", 1, 2, shares=(100, 0))
    for _ in range(3):
        setup.ask("mine")
    setup.host.update_config("mine", config(1, 3, shares=(50, 50)), "ann")
    setup.settled("mine")
    text = setup.host.metrics("mine")
    assert 'request_count_total{endpoint_name="mine",served_entity_name="v1"} 3' in text
    assert 'served_entity_name="v3"' in text and 'served_entity_name="v2"' not in text


def test_many_changes_at_once_leave_a_consistent_state(tmp_path: Path) -> None:
    setup = Setup(tmp_path, MemoryEndpointRecords())
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def act(number: int) -> None:
        name = f"e-{number % 7}"
        try:
            (_create, _update, _delete, _query)[number % 4](setup.host, setup, name, number % 9 + 1)
            outcome = "done"
        except (AlreadyExists, Conflict, NotFound, InvalidInput, Unavailable) as error:
            outcome = type(error).__name__
        with lock:
            outcomes[outcome] += 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, range(200)))
    assert sum(outcomes.values()) == 200 and outcomes["done"] > 20
    for record in setup.host.all():
        settled = setup.settled(record.name)
        assert settled.active is not None and not settled.failure
        scored, served_by = setup.ask(record.name)
        assert (scored.status, served_by) == (200, settled.active.entities[0].name)
    assert set(setup.host._active) == {record.name for record in setup.host.all()}
    setup.host.close()


def _create(host: EndpointHost, setup: Setup, name: str, version: int) -> EndpointRecord:
    return host.create(name, config(version), "ann", {}, "")


def _update(host: EndpointHost, setup: Setup, name: str, version: int) -> EndpointRecord:
    return host.update_config(name, config(version), "ann")


def _delete(host: EndpointHost, setup: Setup, name: str, version: int) -> None:
    host.delete(name)


def _query(host: EndpointHost, setup: Setup, name: str, version: int) -> None:
    setup.ask(name)
