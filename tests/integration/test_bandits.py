"""A bandit in the whole service: it learns from clicks which list is better, and each answer says how likely it was."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.serving.experiments import division_of, read_spec
from quikapp_ml.serving.ledger_archive import DecisionArchive
from quikapp_ml.serving.replay import Outcome, Replayer
from support.server import Server
from support.whole_service import settled, started

ONE = "/api/ml/experiments/lists"
SPEC: dict[str, Any] = {
    "name": "lists",
    "hypothesis": "A list with more types in it is clicked more.",
    "subject": "recommendations",
    "variants": [
        {"name": "control", "weight": 0.5},
        {"name": "mixed", "weight": 0.5, "parameters": {"largest_share": 0.4}},
    ],
    "metrics": [{"name": "clicks", "of": "click", "source": "feedback"}],
    "smallest_effect": 0.2,
    "planned_units": 200,
    "bandit": {"even_share": 0.3, "floor": 0.1, "within_hours": 5 / 3600},
}
CLICKS = {"control": 0.2, "mixed": 0.9}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with started(tmp_path / "home") as service:
        service.experiment_guard.close()  # it would teach by itself
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        deliver(generate(SampleConfig(users=120, days=1, until=midnight)), intake_sink(service.intake))
        yield service


def asked(client: httpx.Client, people: list[str]) -> dict[str, dict[str, Any]]:
    """Everybody asks, and some click, by their variant. Answers what the ledger says of each."""
    rng, told = Random(8), {}
    for person in people:
        answer = client.post("/api/ml/recommendations", json={"user_id": person}).json()
        if rng.random() < CLICKS[answer["experiment"]["variant"]]:
            given = {"decision_id": answer["decision_id"], "user_id": person, "action": "click"}
            assert client.post("/api/ml/feedback", json=given).status_code < 300
        told[person] = answer["decision_id"]
    return {person: client.get(f"/api/ml/decisions/{decision}").json() for person, decision in told.items()}


def test_it_learns_and_every_answer_has_its_true_propensity(service: Service) -> None:
    people = sorted(service.workspace.people)[:100]
    with Server(create_app(service)).running() as port:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        assert client.post("/api/ml/experiments", json=SPEC).status_code == 201
        client.post(f"{ONE}/start")
        before = asked(client, people)
        time.sleep(5.1)
        settled(service)
        assert service.bandits.teach() == ["lists"]
        after = asked(client, people)
        settled(service)
        changes = client.get(f"{ONE}/history").json()["changes"]
        results = client.get(f"{ONE}/results").json()
        client.close()
    replayer = Replayer(service.versions)
    replayed = [replayer.replay(row) for row in DecisionArchive(service.lake).sample(1000, seed=1)]
    assert (len(replayed), {each.outcome for each in replayed}) == (2 * len(people), {Outcome.EQUAL})
    arms = {arm["variant"]: arm for arm in changes[2]["after"]["spec"]["learnt"]["arms"]}
    assert (changes[2]["action"], changes[2]["by"]) == ("learn", "bandit")
    assert sum(arm["successes"] + arm["failures"] for arm in arms.values()) == len(people)
    assert arms["mixed"]["propensity"] > 0.9
    for rows, change in ((before, changes[1]), (after, changes[2])):
        division = division_of(read_spec(change["after"]["spec"]))
        for person, row in rows.items():
            given = division.assign(person)
            assert row["variant"] == given.variant
            assert row["propensity"] == pytest.approx(given.propensity)
    even = [person for person in people if division.assign(person).counts]
    assert sum(results["arrivals"]["units"].values()) == len(even) < 50, "the even part alone is compared"
