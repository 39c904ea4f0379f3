"""Invocations in the decision ledger: by an endpoint's entity, and by the model of a built-in endpoint alone."""

import json
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.invocation_log import InvocationLog
from quikapp_ml.serving.invocations import Invocation, Scored
from quikapp_ml.serving.lake_writer import arrow_rows
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.payload_log import Answered, PayloadLog
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.spool.memory import MemorySpool
from support.toy_model import Threshold

ANSWERED = Answered("mine", "v4", "threshold", "4", "r1", 2.5)


@pytest.fixture
def spool() -> MemorySpool:
    return MemorySpool()


@pytest.fixture
def log(spool: MemorySpool) -> InvocationLog:
    return InvocationLog(PayloadLog(spool, b"key"), DecisionLedger(spool, b"key"))


def invocation(body: Any, content_type: str = "application/json") -> Invocation:
    return Invocation.read(body if isinstance(body, bytes) else json.dumps(body).encode(), content_type)


def decisions(spool: MemorySpool) -> list[dict[str, Any]]:
    frames = [frame for frame in spool.read(0) if frame.table == DECISIONS.name]
    return list(arrow_rows(frames, DECISIONS.columns).to_pylist()) if frames else []


def test_an_answer_is_a_decision_with_its_request_word_for_word(log: InvocationLog, spool: MemorySpool) -> None:
    asked = invocation({"dataframe_records": [{"value": 0.1, "user_id": "ann"}]})
    log.by_entity(asked, Scored(200, b'{"predictions":[1]}'), ANSWERED, None)
    (row,) = decisions(spool)
    known = ("kind", "endpoint", "user_id", "model_name", "model_version", "model_number", "model_alias", "inputs")
    assert [row[name] for name in known] == ["invocation", "mine", "ann", "threshold", "4", 4, None, "kept"]
    assert orjson.loads(row["request"]) == {"content_type": "application/json", "json": asked.parsed}
    assert orjson.loads(row["answer"]) == {"status": 200, "body": '{"predictions":[1]}', "alone": False}


def test_a_table_is_kept_as_text(log: InvocationLog, spool: MemorySpool) -> None:
    log.by_entity(invocation(b"value\n0.5\n", "text/csv"), Scored(200, b"{}"), ANSWERED, None)
    assert orjson.loads(decisions(spool)[0]["request"]) == {"content_type": "text/csv", "text": "value\n0.5\n"}


def test_what_was_refused_is_no_decision(log: InvocationLog, spool: MemorySpool) -> None:
    log.by_entity(invocation({}), Scored(400, b"{}"), ANSWERED, "quikapp_ml.serving.mine_payload")
    assert not decisions(spool)
    assert [frame.table for frame in spool.read(0)] == ["quikapp_ml.serving.mine_payload"]


def test_a_model_alone_is_named_as_it_answers(log: InvocationLog, spool: MemorySpool) -> None:
    loaded = Loaded(Threshold(0.5), ModelRef("threshold", "1.2.0"), 4, "champion")
    asked = invocation({"inputs": {"value": [0.1, 0.2], "user_id": ["ann", "bob"]}})
    log.by_model_alone(asked, Scored(200, b"{}"), loaded, ANSWERED)
    (row,) = decisions(spool)
    assert (row["model_version"], row["model_number"], row["model_alias"]) == ("1.2.0", 4, "champion")
    assert row["user_id"] is None, "several are named"
    assert orjson.loads(row["answer"])["alone"] is True
