"""An experiment on recommendations in the sample workspace: who clicks more is found, who does not is not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service
from quikapp_ml.experiments.report import report
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.serving.experiments import spec_of
from support.server import Server
from support.whole_service import settled, started

ONE = "/api/ml/experiments/mixed-lists"
SPEC: dict[str, Any] = {
    "name": "mixed-lists",
    "hypothesis": "A list with more types in it is clicked more.",
    "subject": "recommendations",
    "variants": [
        {"name": "control", "weight": 0.4},
        {"name": "same", "weight": 0.3},
        {"name": "mixed", "weight": 0.3, "parameters": {"largest_share": 0.4}},
    ],
    "metrics": [{"name": "clicks", "of": "click"}],
    "guardrails": [{"name": "dismissals", "of": "dismiss", "worse": "higher", "at_most": 0.9}],
    "smallest_effect": 0.2,
    "planned_units": 200,
}
CLICKS = {"control": 0.3, "same": 0.3, "mixed": 0.9}
N_PEOPLE = 240


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with started(tmp_path / "home") as service:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        deliver(generate(SampleConfig(users=N_PEOPLE, days=2, until=midnight)), intake_sink(service.intake))
        yield service


def clicked(client: httpx.Client, people: list[str]) -> dict[str, str]:
    """Everybody asks twice; some click, by their variant. Answers the variant of each."""
    rng, variants = Random(8), {}
    for person in people:
        for _ in range(2):
            answer = client.post("/api/ml/recommendations", json={"user_id": person}).json()
        variants[person] = answer["experiment"]["variant"]
        given = {"decision_id": answer["decision_id"], "user_id": person}
        for action, chance in (("click", CLICKS[variants[person]]), ("dismiss", 0.5)):
            if rng.random() < chance:
                assert client.post("/api/ml/feedback", json={**given, "action": action}).status_code < 300
    return variants


def test_a_better_variant_is_found_and_an_equal_one_is_not(service: Service) -> None:
    with Server(create_app(service)).running() as port:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        assert client.post("/api/ml/experiments", json=SPEC).status_code == 201
        client.post(f"{ONE}/start")
        variants = clicked(client, sorted(service.workspace.people)[:N_PEOPLE])
        settled(service)
        told = client.get(f"{ONE}/results").json()
        client.close()
    counts = {name: list(variants.values()).count(name) for name in CLICKS}
    assert told["arrivals"]["units"] == counts
    assert told["arrivals"]["sentence"] == "Units arrive in the shares that were promised."
    found = {(one["metric"], one["variant"]): one for one in told["metrics"]}
    assert found["clicks", "mixed"]["finding"] == "higher"
    assert "clicks: +" in found["clicks", "mixed"]["sentence"]
    assert found["clicks", "same"]["finding"] == "open"
    assert found["clicks", "same"]["low"] < 0 < found["clicks", "same"]["high"]
    assert not {"higher", "lower", "broken"} & {one["finding"] for key, one in found.items() if key[1] == "same"}
    assert {one["role"] for one in told["metrics"]} == {"deciding", "guardrail", "watched"}
    spec = spec_of(service.experiment_desk.get("mixed-lists"))
    page = report(spec, service.experiment_reader.results(spec))
    assert "mixed: clicks is higher" in page
    assert page.count("<svg") >= 4
