"""Experiments through the whole service: started over HTTP, or by another process, and seen in decisions."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import RankItem, RankQuestion
from quikapp_ml.experiments.assignment import Split, Variant
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.experiments import ExperimentDesk, read_spec
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.state import open_state
from support.server import Server

SPEC: dict[str, Any] = {
    "name": "better-ranks",
    "hypothesis": "Newest last.",
    "subject": "rank",
    "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5, "model": {"version": 2}}],
    "metrics": [{"name": "clicks", "of": "click"}],
    "smallest_effect": 0.02,
}
ONE = "/api/ml/experiments/better-ranks"
ITEMS = [{"item_id": f"m{at}", "created_at": f"2026-11-2{at}T08:00:00Z"} for at in range(1, 5)]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    given = {
        "QUIKAPP_ML_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "memory://",
        "QUIKAPP_ML_RUN_SCHEDULES": "false", "QUIKAPP_ML_ALIAS_POLL_SECONDS": "0.1",
    }  # fmt: skip
    service = open_service(Settings.from_environment(given))
    service.start()
    ends = time.monotonic() + 30
    while not service.registry.versions("content-ranker") and time.monotonic() < ends:
        time.sleep(0.05)
    saved = tmp_path / "saved"
    ContentRanker(LinearHead.prior({"recency": -3.0}, 0.0)).save(saved)
    (saved / "card.md").write_text("# newest last\n")
    service.registry.register(NewVersion("content-ranker", saved, "quikapp_ml.models.ranking:ContentRanker", "9.0.0"))
    yield service
    service.close()


def ranked(client: httpx.Client, user: str) -> dict[str, Any]:
    answer = client.post("/api/ml/rank", json={"user_id": user, "items": ITEMS})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_experiment_from_draft_to_decision(service: Service) -> None:
    split = Split("better-ranks", [Variant("control", 0.5), Variant("new", 0.5)])
    users = [f"user-{at}" for at in range(40)]
    with Server(create_app(service)).running() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.post("/api/ml/experiments", json=SPEC).status_code == 201
        assert "experiment" not in ranked(client, "user-1")
        assert client.post(f"{ONE}/start").json()["state"] == "running"
        answers = {user: ranked(client, user) for user in users}
        for user, answer in answers.items():
            variant = split.assign(user).variant
            assert answer["experiment"] == {"name": "better-ranks", "variant": variant}
            assert (answer["model"]["version"] == "9.0.0") == (variant == "new")
        told = client.get(f"/api/ml/decisions/{answers['user-1']['decision_id']}").json()
        assert (told["experiment"], told["propensity"]) == ("better-ranks", 0.5)
        refused = client.put(ONE, json={**SPEC, "salt": "other"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
        assert client.post(f"{ONE}/stop").json()["state"] == "stopped"
        assert "experiment" not in ranked(client, "user-1")
        client.post(f"{ONE}/decide", json={"variant": "control", "reason": "fewer clicks"})
        actions = [change["action"] for change in client.get(f"{ONE}/history").json()["changes"]]
        assert actions == ["create", "start", "stop", "decide"]


def test_a_broken_variant_started_by_another_process_costs_no_answer(service: Service, tmp_path: Path) -> None:
    (tmp_path / "saved" / "model.json").write_text("{}")
    where = "quikapp_ml.models.ranking:ContentRanker"
    broken = service.registry.register(NewVersion("content-ranker", tmp_path / "saved", where, "9.0.1"))
    variants = [SPEC["variants"][0], {"name": "new", "weight": 0.5, "model": {"version": broken.number}}]
    state = open_state(service.settings.control_state_url)
    desk = ExperimentDesk(state.experiments, service.registry, lambda: datetime.now(UTC))
    desk.create(read_spec({**SPEC, "variants": variants}), "ann")
    desk.start("better-ranks", "ann")
    state.close()
    with Server(create_app(service)).running() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        ends = time.monotonic() + 10
        while not service.experiments.running() and time.monotonic() < ends:
            time.sleep(0.02)
        answers = [ranked(client, f"user-{at}") for at in range(20)]
        metrics = client.get("/metrics").text
    assert not any(answer["degraded"] for answer in answers)
    assert service.experiments.fallbacks > 0
    assert f"quikapp_ml_experiment_fallbacks_total {service.experiments.fallbacks}.0" in metrics


BAD: list[tuple[str, Any]] = [
    ("name", None), ("name", 7), ("name", "A B"), ("name", "x" * 64), ("subject", "weather"), ("unit", "planet"),
    ("unit", ""), ("variants", []), ("variants", [{}]), ("variants", "all"),
    ("variants", [{"name": "a", "weight": 1.0}] * 2),
    ("variants", [{"name": "a", "weight": "0.5"}, {"name": "b", "weight": 0.5}]), ("metrics", []),
    ("metrics", [{"name": "a", "of": "teleport"}]), ("smallest_effect", 0), ("smallest_effect", -1),
    ("salt", "a:b"), ("salt", ""), ("layer", "ä"), ("slice", {"start": 1, "end": 0}), ("slice", {"start": 1.0}),
    ("holdout", {"salt": "h", "share": 1.0}), ("audience", {"planets": []}), ("overrides", {"ann": "blue"}),
    ("overrides", {"": "new"}), ("planned_units", 1), ("guardrails", [{"name": "g", "of": "click", "at_most": 0}]),
    ("colour", "red"), ("bandit", []), ("bandit", {"floor": 0}), ("sticky", "yes"), ("learnt", {}),
    ("weighed_at", "2026-11-25T08:00:00Z"),
]  # fmt: skip


def test_whatever_is_sent_is_answered_by_what_is_wrong_with_it(service: Service) -> None:
    with Server(create_app(service)).running() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for field, value in BAD:
            answer = client.post("/api/ml/experiments", json={**SPEC, field: value})
            assert answer.status_code == 422, (field, value, answer.text)
            assert answer.json()["error"]["details"], (field, value)
        for method, path in (("get", ""), ("post", "/start"), ("post", "/stop"), ("get", "/history")):
            assert client.request(method, f"{ONE}-not{path}").status_code == 404
        assert client.post(f"{ONE}/decide", json={"variant": "new"}).status_code == 422
        assert client.delete(ONE).status_code == 405
        assert client.get("/api/ml/experiments").json() == {"experiments": []}


def test_a_harmful_variant_is_stopped_by_what_the_tables_say(service: Service) -> None:
    guardrail = {"name": "joins", "of": "join", "kind": "mean", "worse": "lower", "at_most": 0.05}
    variants = [SPEC["variants"][0], {"name": "same", "weight": 0.5}]
    service.experiment_desk.create(read_spec({**SPEC, "variants": variants, "guardrails": [guardrail]}), "ann")
    service.experiment_desk.start("better-ranks", "ann")
    service.experiments.follow()
    split = Split("better-ranks", [Variant("control", 0.5), Variant("same", 0.5)])
    users = [f"user-{at}" for at in range(400)]
    for user in users:
        service.ranking.rank(RankQuestion(user_id=user, items=[RankItem(item_id="m1")]))
    assert service.experiment_guard.look() == {}, "nothing is known yet"
    now = datetime.now(UTC)
    at_now = now.isoformat()
    joins = [
        {"event_id": f"{user}-{at}", "type": "join", "event_time": at_now, "user_id": user, "channel_id": f"C{at}"}
        for place, user in enumerate(users)
        for at in range(1 + place % 3 + (2 if split.assign(user).variant == "control" else 0))
    ]
    for start in range(0, len(joins), 1_000):
        assert service.intake.accept_now(joins[start : start + 1_000], now).rejected == ()
    service.spool.sync()
    service.lake_writer.flush()
    stopped = service.experiment_guard.look()
    assert "joins" in stopped["better-ranks"]
    assert service.experiments.running() == []
