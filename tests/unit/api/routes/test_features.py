from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pytest

from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.serving.access import create_token
from quikapp_ml.stores.state.catalog import Grant
from support.fake_service import Client, FakeService

PATH = "/api/ml/features/online"


def test_missing_values_are_null_and_nobody_is_not_found(client: Client) -> None:
    body = {"view": "user_activity", "features": ["avg_response_time"], "keys": [{"user_id": "user-123"}]}
    (entity,) = client.post(PATH, json=body).json()["entities"]
    assert (entity["status"], entity["values"]) == ("present", {"avg_response_time": None})


@pytest.mark.parametrize(("body", "status", "said"), [
    ({"keys": [{"user_id": "U1"}]}, 422, "give either view or table"),
    ({"view": "a", "table": "b", "keys": [{"user_id": "U1"}]}, 422, "give either view or table"),
    ({"view": "user_activity", "keys": []}, 422, "keys"),
    ({"view": "user_activity", "keys": [{"user_id": "U1"}] * 1_001}, 422, "keys"),
    ({"view": "user_activity", "features": ["message_count"] * 201, "keys": [{"user_id": "U1"}]}, 422, "features"),
    ({"view": "user_activity", "features": ["message_count"] * 51, "keys": [{"user_id": "U1"}] * 1_000}, 422, "50000"),
    ({"view": "user_activity", "keys": [{"user_id": 0.5}]}, 422, "keys"),
    ({"view": "nothing", "keys": [{"user_id": "U1"}]}, 404, "no feature view 'nothing'"),
    ({"view": "user_activity", "features": ["x"], "keys": [{"user_id": "U1"}]}, 422, "has no feature x"),
    ({"table": "quikapp_ml.features.t", "keys": [{"user_id": "U1"}]}, 404, "is not published"),
])  # fmt: skip
def test_what_cannot_be_answered_is_said(client: Client, body: Any, status: int, said: str) -> None:
    answer = client.post(PATH, json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


TABLE = FeatureTable(
    "quikapp_ml.features.days", ("user_id", "n", "yes", "day", "at"), version=1,
    columns=pa.schema([
        ("user_id", pa.string()), ("n", pa.int32()), ("yes", pa.bool_()), ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")), ("value", pa.float64()), ("seen", pa.timestamp("us", tz="UTC")),
    ]),
)  # fmt: skip
AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
KEY = {"user_id": "U1", "n": 7, "yes": True, "day": "2026-11-23", "at": "2026-11-23T09:00:00+01:00"}


@pytest.fixture
def published(service: FakeService, client: Client) -> Client:
    row = {"user_id": "U1", "n": 7, "yes": True, "day": AT.date(), "at": AT, "value": 0.5, "seen": AT}
    publish(TABLE, pa.Table.from_pylist([row], schema=TABLE.columns), service.online, AT, overwrite=False)
    return client


def test_keys_of_every_type_are_found(published: Client) -> None:
    answer = published.post(PATH, json={"table": TABLE.name, "keys": [KEY, {**KEY, "n": 8}]}).json()
    assert [one["status"] for one in answer["entities"]] == ["present", "not_found"]
    assert answer["entities"][0]["values"] == {"value": 0.5, "seen": "2026-11-23T08:00:00+00:00"}
    assert answer["entities"][0]["key"] == KEY


@pytest.mark.parametrize(("name", "value", "allowed"), [
    ("user_id", 7, "a text"),
    ("n", "7", "a whole number"),
    ("n", True, "a whole number"),
    ("yes", "true", "true or false"),
    ("yes", 1, "true or false"),
    ("day", "23.11.2026", "a date, such as 2026-11-23"),
    ("day", "2026-11-23T08:00:00+00:00", "a date, such as 2026-11-23"),
    ("day", 20261123, "a date, such as 2026-11-23"),
    ("at", "2026-11-23T08:00:00", "a time with its zone, such as 2026-11-23T08:00:00+00:00"),
    ("at", "yesterday", "a time with its zone, such as 2026-11-23T08:00:00+00:00"),
    ("at", 1_795_000_000, "a time with its zone, such as 2026-11-23T08:00:00+00:00"),
])  # fmt: skip
def test_a_part_of_another_type_is_refused_with_the_form_that_is_allowed(
    published: Client, name: str, value: Any, allowed: str
) -> None:
    answer = published.post(PATH, json={"table": TABLE.name, "keys": [KEY, {**KEY, name: value}]})
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert (detail["path"], detail["given"], detail["allowed"]) == (f"keys.1.{name}", repr(value), allowed)


def test_lacking_and_unknown_parts_are_named(published: Client) -> None:
    lacking = {name: part for name, part in KEY.items() if name != "day"}
    for key, path, said in (
        (lacking, "keys.0.day", "day is lacking"),
        ({**lacking, "days": "2026-11-23"}, "keys.0.day", "day is lacking"),
        (
            {**KEY, "more": 1},
            "keys.0",
            "more is no key of table quikapp_ml.features.days; its keys are user_id, n, yes",
        ),
    ):
        answer = published.post(PATH, json={"table": TABLE.name, "keys": [key]})
        (detail,) = answer.json()["error"]["details"]
        assert (answer.status_code, detail["path"]) == (422, path)
        assert said in detail["message"]
    body = {"table": TABLE.name, "features": ["value", "x"], "keys": [KEY]}
    (detail,) = published.post(PATH, json=body).json()["error"]["details"]
    assert (detail["path"], detail["given"], detail["allowed"]) == ("features", "x", "value, seen")


def test_how_new_features_are_is_in_the_metrics(published: Client) -> None:
    told = published.get("/metrics").text
    assert 'quikapp_ml_features_age_seconds{source="live"} 60.0' in told
    assert f'quikapp_ml_features_age_seconds{{source="{TABLE.name}"}} ' in told


def test_from_another_machine_a_grant_on_the_table_is_needed(service: FakeService, published: Client) -> None:
    token = create_token(service.state.tokens, "ann", ("quikapp",), timedelta(days=1))[0]

    def status(body: dict[str, Any]) -> int:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(published.app, client=("10.1.2.3", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as remote:
                return await remote.post(PATH, json=body, headers={"authorization": f"Bearer {token}"})

        return published.run(ask()).status_code

    table, view = {"table": TABLE.name, "keys": [KEY]}, {"view": "user_activity", "keys": [{"user_id": "user-123"}]}
    assert (status(table), status(view)) == (403, 403)
    service.state.catalog.change_grants(
        [Grant("catalog", "quikapp_ml", "ann", word) for word in ("USE CATALOG", "USE SCHEMA", "SELECT")], []
    )
    assert (status(table), status(view)) == (200, 200)
