"""Rollouts over HTTP."""

import pytest

from quikapp_ml.api.rollout_schemas import ROLLOUT_EXAMPLES
from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from support.fake_service import Client, FakeService

SPEC = ROLLOUT_EXAMPLES["RolloutSpec"]
ALL = "/api/ml/rollouts"
ONE = f"{ALL}/ranks-2"


def test_rollouts_are_listed_and_shown_with_their_steps(client: Client) -> None:
    (listed,) = client.get(ALL).json()["rollouts"]
    shown = client.get(ONE).json()
    assert listed == shown
    assert (shown["name"], shown["stage"], shown["champion"], shown["spec"]["version"]) == ("ranks-2", "gate", 1, 2)
    assert [(step["after"], step["by"], step["why"]) for step in shown["steps"]] == [
        ("gate", "local", "Knows the newer people.")
    ]


def test_begun_and_given_up_it_holds_at_once(client: Client, service: FakeService) -> None:
    assert client.post(ALL, json=SPEC).status_code == 201
    assert client.post(f"{ONE}/abort", json=ROLLOUT_EXAMPLES["Abort"]).status_code == 200
    assert service.rollouts.done == [
        ("start", "ranks-2", "local"),
        ("follow",),
        ("abort", "ranks-2", "Trained on the wrong weeks.", "local"),
        ("follow",),
    ]


def test_a_wrong_field_is_named(client: Client) -> None:
    answer = client.post(ALL, json={**SPEC, "shares": [5, 1, 100]})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == "shares"
    assert client.post(f"{ONE}/abort", json={}).status_code == 422


@pytest.mark.parametrize(("error", "status"), [(NotFound, 404), (Conflict, 409), (AlreadyExists, 409)])
def test_refusals_have_their_status(client: Client, service: FakeService, error: type[Exception], status: int) -> None:
    service.rollouts.failure = error("no")
    assert client.get(ONE).status_code == status
    assert client.post(ALL, json=SPEC).status_code == status
