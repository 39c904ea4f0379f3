"""From a chat export to answers: import, the nightly pipeline, a running service that follows."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from quikapp_ml.stores.lake import open_lake
from support.running import Running, quikapp_ml

GENUINE_EXPORT = Path(__file__).parents[3] / "shared" / "data" / "chat" / "slack_export.zip"
DAY = "2026-11-02"


def _message(user: str, seconds: int, text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "ts": f"{1_793_600_000 + seconds}.000100", "text": text, **more}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two teams that share one channel: Ada and Bo write in `engine`, Cy and Di in `sales`, all in `general`."""
    people = [
        {"id": f"U{name}", "name": name.lower(), "profile": {"real_name": name}} for name in ("ADA", "BO", "CY", "DI")
    ]
    channels = [
        {"id": f"C{name.upper()}", "name": name, "created": 1_793_500_000, "creator": "UADA", "members": members}
        for name, members in (
            ("general", ["UADA", "UBO", "UCY", "UDI"]),
            ("engine", ["UADA", "UBO"]),
            ("sales", ["UCY", "UDI"]),
        )
    ]
    cheered = [{"name": "tada", "users": ["UBO"], "count": 1}]
    days = {
        "general": [_message("UADA", 0, "hello"), _message("UCY", 60, "hi <@UADA>")],
        "engine": [_message("UADA", 100 + n * 60, f"build {n} is green", reactions=cheered) for n in range(9)],
        "sales": [_message("UCY", 100 + n * 60, f"offer {n} is out") for n in range(9)],
    }
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.json", json.dumps(people))
        archive.writestr("channels.json", json.dumps(channels))
        for channel, messages in days.items():
            archive.writestr(f"{channel}/{DAY}.json", json.dumps(messages))
    return path


def test_importing_twice_changes_nothing(tmp_path: Path, export: Path) -> None:
    home = tmp_path / "chat" / "home"
    home.parent.mkdir()

    first = quikapp_ml(home, "import", "slack", str(export))
    second = quikapp_ml(home, "import", "slack", str(export))

    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    assert "0 new" in second.stdout
    ids = open_lake(str(home / "lakehouse")).read("quikapp_ml.bronze.events", ["event_id"])["event_id"].to_pylist()
    assert len(ids) == len(set(ids)) > 40


def test_a_broken_member_is_named_and_skipped_only_when_asked(tmp_path: Path, export: Path) -> None:
    home = tmp_path / "chat" / "home"
    home.parent.mkdir()
    with zipfile.ZipFile(export, "a") as archive:
        archive.writestr("engine/2026-11-03.json", '[{"type": "message", ')

    refused = quikapp_ml(home, "import", "slack", str(export))
    skipped = quikapp_ml(home, "import", "slack", "--skip-broken", str(export))

    assert refused.returncode == 2
    assert "engine/2026-11-03.json" in refused.stderr
    assert skipped.returncode == 0, skipped.stderr
    assert "engine/2026-11-03.json" in skipped.stdout + skipped.stderr


def test_an_import_goes_through_the_running_service(started: Callable[..., Running], export: Path) -> None:
    running = started("chat", "up", "--empty")

    found = quikapp_ml(running.home, "import", "slack", str(export))

    assert found.returncode == 0, found.stderr
    channels = running.post("/api/ml/recommendations", {"user_id": "UDI", "types": ["channel"]})["recommendations"]
    assert [item["item_id"] for item in channels] == ["CENGINE"]


def test_the_nightly_pipeline_makes_versions_that_the_running_service_answers_with(
    started: Callable[..., Running], eventually: Callable[[Callable[[], bool]], None]
) -> None:
    service = started("nightly", "up", "--users", "80", "--days", "30")
    question = {"user_id": "U0003", "limit": 3}
    before = service.post("/api/ml/recommendations", question)["model"]["version"]

    run = quikapp_ml(service.home, "pipeline", "run", timeout=600)

    assert run.returncode == 0, run.stdout + run.stderr
    for task in (
        "feature_engineering", "quality_gate", "model_training", "model_deployment", "user_embeddings", "table_upkeep"
    ):  # fmt: skip
        assert task in run.stdout + run.stderr
    listed = quikapp_ml(service.home, "models", "list", COLUMNS="200")
    assert "3.1.1" in listed.stdout, listed.stdout + listed.stderr
    lake = open_lake(str(service.home / "lakehouse"))
    assert "failed" not in lake.read("quikapp_ml.quality.results")["status"].to_pylist()
    assert not lake.exists("quikapp_ml.quality.quarantine")
    decided = lake.read("quikapp_ml.ml.promotions").to_pylist()
    assert {row["model_name"] for row in decided} >= {"recommendation-v2", "content-ranker"}
    promoted = {row["model_name"] for row in decided if row["promoted"]}
    assert "recommendation-v2" in promoted, decided
    assert "user-embeddings" in promoted, decided
    assert lake.read("quikapp_ml.features.user_embeddings").num_rows > 60
    eventually(lambda: bool(service.post("/api/ml/recommendations", question)["model"]["version"] != before))
    assert service.get("/health").json()["models_loaded"] == 3
    runs = quikapp_ml(service.home, "pipeline", "runs", COLUMNS="200")
    assert "succeeded" in runs.stdout


@pytest.mark.skipif(not GENUINE_EXPORT.exists(), reason="the genuine export is not beside this checkout")
def test_three_real_people_get_lists_that_differ(started: Callable[..., Running], tmp_path: Path) -> None:
    home = tmp_path / "genuine" / "home"
    home.parent.mkdir()
    assert quikapp_ml(home, "import", "slack", str(GENUINE_EXPORT)).returncode == 0
    running = started("genuine", "serve")
    events = open_lake(str(home / "lakehouse")).read("quikapp_ml.bronze.events", ["type", "user_id"]).to_pylist()
    writers = [row["user_id"] for row in events if row["type"] == "message"]
    busiest = sorted(set(writers), key=writers.count, reverse=True)[:3]

    lists = [
        [item["item_id"] for item in running.post("/api/ml/recommendations", {"user_id": person})["recommendations"]]
        for person in busiest
    ]

    assert all(lists)
    assert len({tuple(found) for found in lists}) == 3
    assert httpx.get(f"{running.url}/health", timeout=5).json()["status"] == "healthy"
