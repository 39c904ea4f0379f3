"""Weights changed while an experiment runs, in the whole service: who had an answer keeps the variant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service
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
    "metrics": [{"name": "clicks", "of": "click"}],
    "smallest_effect": 0.2,
    "sticky": True,
}
WEIGHED = [{**SPEC["variants"][0], "weight": 0.0}, {**SPEC["variants"][1], "weight": 1.0}]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with started(tmp_path / "home") as service:
        yield service


def variants(client: httpx.Client, people: range) -> list[str]:
    asked = [client.post("/api/ml/recommendations", json={"user_id": f"u{at}"}).json() for at in people]
    return [answer["experiment"]["variant"] for answer in asked]


def test_those_who_had_an_answer_keep_theirs_and_only_newcomers_are_compared(service: Service) -> None:
    with Server(create_app(service)).running() as port:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        assert client.post("/api/ml/experiments", json=SPEC).status_code == 201
        client.post(f"{ONE}/start")
        before = variants(client, range(40))
        settled(service)
        refused = client.put(ONE, json={**SPEC, "variants": WEIGHED, "salt": "other"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
        changed = client.put(ONE, json={**SPEC, "variants": WEIGHED}).json()
        after = variants(client, range(60))
        settled(service)
        results = client.get(f"{ONE}/results").json()
        client.close()
    assert set(before) == {"control", "mixed"}
    assert after[:40] == before
    assert set(after[40:]) == {"mixed"}
    assert changed["started_at"] < changed["spec"]["weighed_at"] <= changed["updated_at"]
    assert results["arrivals"]["units"] == {"control": 0, "mixed": 20}
