from typing import Any

import pytest

from support.fake_service import Client

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


def test_how_new_features_are_is_in_the_metrics(client: Client) -> None:
    assert 'quikapp_ml_features_age_seconds{source="live"} 60.0' in client.get("/metrics").text
