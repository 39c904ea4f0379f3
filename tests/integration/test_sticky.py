"""Weights changed while an experiment runs, in the whole service: who had an answer keeps the variant."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.settings import Settings
from support.server import Server

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
    given = {
        "QUIKAPP_ML_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "memory://",
        "QUIKAPP_ML_RUN_SCHEDULES": "false", "QUIKAPP_ML_LAKE_FLUSH_SECONDS": "0.2",
    }  # fmt: skip
    service = open_service(Settings.from_environment(given))
    service.start()
    yield service
    service.close()


def variants(client: httpx.Client, people: range) -> list[str]:
    asked = [client.post("/api/ml/recommendations", json={"user_id": f"u{at}"}).json() for at in people]
    return [answer["experiment"]["variant"] for answer in asked]


def settled(service: Service) -> None:
    ends = time.monotonic() + 30
    while service.spool.pending_bytes and time.monotonic() < ends:
        time.sleep(0.1)


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
