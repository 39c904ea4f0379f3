"""Experiments over HTTP."""

import pytest

from quikapp_ml.api.experiment_schemas import EXAMPLES
from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from support.fake_service import Client, FakeService

SPEC = EXAMPLES["ExperimentSpec"]
ALL = "/api/ml/experiments"
ONE = f"{ALL}/better-ranks"


def test_experiments_are_listed_and_shown(client: Client) -> None:
    (listed,) = client.get(ALL).json()["experiments"]
    shown = client.get(ONE).json()
    assert listed == shown
    assert (shown["name"], shown["state"], shown["spec"], shown["revision"]) == ("better-ranks", "running", SPEC, 2)
    assert "decided_at" not in shown
    assert client.get(f"{ONE}/history").json()["changes"][0]["action"] == "create"


def test_results_are_told(client: Client) -> None:
    told = client.get(f"{ONE}/results").json()
    assert (told["name"], told["arrivals"]["units"]) == ("better-ranks", {"control": 0, "version-2": 0})
    assert told["arrivals"]["sentence"] == "Nobody was let in yet."
    found = [(metric["metric"], metric["role"], metric["finding"]) for metric in told["metrics"]]
    assert found[:2] == [("clicks", "deciding", "unknown"), ("reports", "guardrail", "unknown")]
    assert {role for _, role, _ in found[2:]} == {"watched"}


def test_every_step_names_who_took_it_and_holds_at_once(client: Client, service: FakeService) -> None:
    assert client.post(ALL, json=SPEC).status_code == 201
    client.put(ONE, json=SPEC)
    client.post(f"{ONE}/start")
    client.post(f"{ONE}/stop")
    client.post(f"{ONE}/decide", json={"variant": "version-2", "reason": "more clicks"})
    steps = [one for one in service.experiments.done if one != ("follow",)]
    assert steps == [
        ("create", "better-ranks", "local"),
        ("change", "better-ranks", "better-ranks", "local"),
        ("start", "better-ranks", "local"),
        ("stop", "better-ranks", "local"),
        ("decide", "better-ranks", "version-2", "local"),
    ]
    assert service.experiments.done.count(("follow",)) == 4


def test_a_wrong_field_is_named(client: Client) -> None:
    answer = client.post(ALL, json={**SPEC, "metrics": [{"name": "x", "of": "teleport"}]})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == "metrics.0.of"
    weights = [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.4}]
    answer = client.post(ALL, json={**SPEC, "variants": weights})
    assert "weights sum to 0.9, not 1" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("error", "status"), [(NotFound, 404), (Conflict, 409), (AlreadyExists, 409)])
def test_refusals_have_their_status(client: Client, service: FakeService, error: type[Exception], status: int) -> None:
    service.experiments.failure = error("no")
    assert client.post(f"{ONE}/start").status_code == status
