from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.serving.erasure import Erasure
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import AUDIT, DECISIONS, EVENTS, SPAM_LABELS

NOW = datetime(2026, 11, 1, tzinfo=UTC)
QUARANTINE = Table("quikapp_ml.quality.quarantine", pa.schema([("row", pa.string())]), (), "")


@pytest.fixture
def lake() -> Lake:
    lake = MemoryLake()
    write(lake, EVENTS, *[event(*one) for one in (
        ("e1", "message", "U1", "m1", "my secret"),
        ("e2", "message", "U2", "m2", "ask <@U1>, not <@U12> or U1.5. Thanks, U1."),
        ("e3", "reaction", "U2", "m1", None), ("e4", "message", "U12", "m3", "another secret"),
        ("e5", "read", "U1", None, None),
    )])  # fmt: skip
    write(lake, SPAM_LABELS, label("m1", "my secret"), label("m3", "another secret"))
    write(lake, DECISIONS, decision("d1", "U1", '{"user_id":"U1"}'), decision("d2", "U2", '{"items":["U1","U12"]}'))
    write(lake, QUARANTINE, {"row": '{"user_id": "U1", "content": "my secret"}'}, {"row": '{"user_id": "U12"}'})
    write(lake, AUDIT, {"event_id": "a1", "event_time": NOW, "request_id": "asked by U1"})
    return lake


def write(lake: Lake, table: Table, *rows: dict[str, Any]) -> None:
    lake.ensure(table)
    lake.append(table.name, pa.Table.from_pylist(list(rows), schema=table.columns))


def event(event_id: str, kind: str, user_id: str, message_id: str | None, content: str | None) -> dict[str, Any]:
    return {
        "event_id": event_id, "type": kind, "event_time": NOW, "ingest_time": NOW, "user_id": user_id,
        "channel_id": "C1", "message_id": message_id, "content": content,
    }  # fmt: skip


def label(message_id: str, content: str) -> dict[str, Any]:
    return {"message_id": message_id, "channel_id": "C1", "content": content, "label": "ham", "labelled_at": NOW}


def decision(decision_id: str, user_id: str, text: str) -> dict[str, Any]:
    given = {"decision_id": decision_id, "kind": "rank", "decided_at": NOW, "user_id": user_id}
    return {**given, "request": text, "answer": text}


def column(lake: Lake, table: Table, name: str) -> list[Any]:
    return list(lake.read(table.name)[name].to_pylist())


def test_what_a_person_did_and_what_was_done_to_it_goes(lake: Lake) -> None:
    Erasure(lake, "U1").run()
    assert column(lake, EVENTS, "event_id") == ["e2", "e4"]
    assert column(lake, SPAM_LABELS, "message_id") == ["m3"]


def test_others_keep_their_words_without_the_name(lake: Lake) -> None:
    Erasure(lake, "U1").run()
    assert column(lake, EVENTS, "content") == ["ask <@erased>, not <@U12> or U1.5. Thanks, erased.", "another secret"]


def test_decisions_stay_without_their_inputs(lake: Lake) -> None:
    Erasure(lake, "U1").run()
    rows = {row["decision_id"]: row for row in lake.read(DECISIONS.name).to_pylist()}
    assert (rows["d1"]["user_id"], rows["d1"]["request"], rows["d1"]["answer"]) == ("erased", None, None)
    assert (rows["d2"]["user_id"], rows["d2"]["answer"]) == ("U2", '{"items":["erased","U12"]}')


def test_who_asked_goes_with_the_person(lake: Lake) -> None:
    """Their own decisions, and those that they asked for others, have nothing of them any more."""
    asked = [{**decision("d3", "U1", "{}"), "asked_by": "U1"}, {**decision("d4", "U2", "{}"), "asked_by": "U1"}]
    more = [{**decision("d5", "U1", "{}"), "asked_by": "app@example.com", "unit": "U1", "candidates": "{}"}]
    write(lake, DECISIONS, *asked, *more)
    Erasure(lake, "U1").run()
    rows = {row["decision_id"]: row for row in lake.read(DECISIONS.name).to_pylist()}
    assert [rows[one]["asked_by"] for one in ("d3", "d4", "d5")] == ["erased", "erased", "app@example.com"]
    assert (rows["d4"]["user_id"], rows["d4"]["request"]) == ("U2", "{}")
    assert (rows["d5"]["unit"], rows["d5"]["candidates"]) == ("erased", None)
    assert all(value != "U1" for row in rows.values() for value in row.values())


def test_copies_of_rows_go_whole_and_the_audit_trail_stays(lake: Lake) -> None:
    Erasure(lake, "U1").run()
    assert column(lake, QUARANTINE, "row") == ['{"user_id": "U12"}']
    assert column(lake, AUDIT, "request_id") == ["asked by U1"]


def test_it_says_what_changed_and_the_second_run_finds_nothing(lake: Lake) -> None:
    changed = Erasure(lake, "U1").run()
    assert changed == {EVENTS.name: 4, SPAM_LABELS.name: 1, DECISIONS.name: 2, QUARANTINE.name: 1}
    versions = {name: lake.version(name) for name in lake.names()}
    assert Erasure(lake, "U1").run() == {}
    assert {name: lake.version(name) for name in lake.names()} == versions


def test_nobody_is_changed_by_the_erasure_of_a_stranger(lake: Lake) -> None:
    assert Erasure(lake, "U9").run() == {}
