"""`quikapp-ml up`, which `scripts/up` ends in: an empty home becomes a whole service."""

import json
import stat
from collections.abc import Callable

import httpx
import pytest

from quikapp_ml.stores.lake import open_lake
from support.running import Running, quikapp_ml

RECOMMENDATIONS = {
    "user_id": "user-123",
    "context": {"channel_id": "channel-456", "time_of_day": "morning"},
    "limit": 10,
}
SPAM_CHECK = {
    "content": "Check out this amazing offer!",
    "user_id": "user-789",
    "metadata": {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0..."},
}
SENTIMENT = {
    "messages": [
        {"id": "msg-1", "content": "This is great!"},
        {"id": "msg-2", "content": "I'm frustrated with this issue"},
    ]
}


def test_health_is_exactly_what_the_product_documents(service: Running) -> None:
    answer = service.get("/health")

    assert answer.status_code == 200
    assert answer.text == (
        '{"status":"healthy","databricks_connection":"connected","models_loaded":3,"feature_store":"available",'
        '"version":"1.0.0"}'
    )


def test_a_stranger_gets_recommendations_that_exist(service: Running) -> None:
    answer = service.post("/api/ml/recommendations", RECOMMENDATIONS)

    assert answer["user_id"] == "user-123"
    assert answer["model"] == {"name": "recommendation-v2", "version": "3.1.0"}
    assert [item["rank"] for item in answer["recommendations"]] == list(range(1, 11))
    scores = [item["score"] for item in answer["recommendations"]]
    assert scores == sorted(scores, reverse=True)
    assert all(item["reasons"] for item in answer["recommendations"])


def test_spam_evidence_adds_up_to_the_logit(service: Running) -> None:
    answer = service.post("/api/ml/spam-check", SPAM_CHECK)

    total = answer["bias"] + sum(piece["weight"] for piece in answer["evidence"])
    assert total == pytest.approx(answer["logit"], abs=1e-9)
    assert answer["model"] == {"name": "spam-classifier", "version": "2.4.0"}
    assert answer["degraded"] is False


def test_the_documented_messages_sound_as_they_do(service: Running) -> None:
    answer = service.post("/api/ml/sentiment", SENTIMENT)

    assert [(found["id"], found["sentiment"]) for found in answer["results"]] == [
        ("msg-1", "positive"),
        ("msg-2", "negative"),
    ]
    assert answer["errors"] == []


def test_items_are_put_in_order(service: Running) -> None:
    items = [{"item_id": f"m{n}", "content": text} for n, text in enumerate(("lunch menu", "deploy of the api failed"))]

    answer = service.post("/api/ml/rank", {"user_id": "user-123", "query": "deploy failed", "items": items})

    assert [item["item_id"] for item in answer["items"]] == ["m1", "m0"]


def test_a_decision_and_its_feedback_reach_the_tables_without_the_ip_address(
    service: Running, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    decision_id = service.post("/api/ml/spam-check", SPAM_CHECK)["decision_id"]
    service.post("/api/ml/feedback", {"decision_id": decision_id, "action": "ham", "user_id": "user-1"})
    lake = open_lake(str(service.home / "lakehouse"))

    eventually(
        lambda: decision_id in lake.read("quikapp_ml.bronze.decisions", ["decision_id"])["decision_id"].to_pylist()
    )
    eventually(
        lambda: decision_id in lake.read("quikapp_ml.bronze.feedback", ["decision_id"])["decision_id"].to_pylist()
    )
    rows = lake.read("quikapp_ml.bronze.decisions").to_pylist()
    row = next(row for row in rows if row["decision_id"] == decision_id)
    assert row["kind"] == "spam-check"
    assert row["model_name"] == "spam-classifier"
    assert row["latency_ms"] > 0
    assert json.loads(row["answer"])["decision_id"] == decision_id
    assert "192.168.1.1" not in json.dumps(rows, default=str)


def test_an_event_is_answered_with_at_once_and_lands_in_the_table_once(
    service: Running, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    event = {
        "event_id": "e2e-1",
        "type": "channel_created",
        "event_time": "2026-11-23T08:00:00+00:00",
        "user_id": "U-e2e",
        "channel_id": "C-e2e",
        "name": "brand-new",
    }
    broken = {**event, "event_id": "e2e-2", "event_time": "2026-11-23T08:00:00"}

    first = service.post("/api/ml/events", {"events": [event, broken]})
    again = service.post("/api/ml/events", {"events": [event]})

    assert (first["accepted"], first["duplicates"], [r["index"] for r in first["rejected"]]) == (1, 0, [1])
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    lake = open_lake(str(service.home / "lakehouse"))
    eventually(lambda: "e2e-1" in lake.read("quikapp_ml.bronze.events", ["event_id"])["event_id"].to_pylist())
    ids = lake.read("quikapp_ml.bronze.events", ["event_id"])["event_id"].to_pylist()
    assert ids.count("e2e-1") == 1
    assert len(ids) == len(set(ids))


def test_the_documentation_page_needs_no_other_host(service: Running) -> None:
    page = service.get("/docs")

    assert page.status_code == 200
    assert "https://" not in page.text
    assert service.get("/openapi.json").json()["info"]["version"] == "1.0.0"


def test_the_telemetry_is_prometheus_text(service: Running) -> None:
    text = service.get("/metrics").text

    assert "# TYPE quikapp_ml_" in text
    assert 'name="spam-classifier"' in text


def test_the_home_is_private_and_nothing_is_left_outside(service: Running) -> None:
    assert stat.S_IMODE(service.home.stat().st_mode) == 0o700
    beside = {path.name for path in service.home.parent.iterdir()}
    assert beside == {"home", "home.log", "user"}
    assert list((service.home.parent / "user").iterdir()) == []


def test_doctor_finds_everything_wired_and_answering(service: Running) -> None:
    found = quikapp_ml(service.home, "doctor", COLUMNS="200")

    assert found.returncode == 0, found.stdout + found.stderr
    assert " no " not in found.stdout
    assert service.url in found.stdout


def test_env_prints_lines_that_a_shell_takes(service: Running) -> None:
    found = quikapp_ml(service.home, "env")

    assert found.returncode == 0, found.stderr
    assert f"export DATABRICKS_HOST={service.url}\n" in found.stdout


def test_a_second_service_on_the_same_home_is_refused_by_name(service: Running) -> None:
    refused = quikapp_ml(service.home, "serve")

    assert refused.returncode == 1
    assert f"process {service.process.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port_is_told_before_anything_is_done(service: Running) -> None:
    port = service.url.rpartition(":")[2]

    refused = quikapp_ml(service.home.parent / "other", "up", PORT=port)

    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert not (service.home.parent / "other").exists()


def test_two_services_side_by_side_and_a_restart_that_remembers(started: Callable[..., Running]) -> None:
    first = started("first", "up", "--users", "12", "--days", "5")
    second = started("second", "up", "--empty")
    assert first.url != second.url
    question = {"user_id": "U0001", "limit": 5}
    before = first.post("/api/ml/recommendations", question)["recommendations"]
    assert before != []
    assert second.post("/api/ml/recommendations", question)["recommendations"] == []

    first.stop()
    with pytest.raises(httpx.TransportError):
        first.get("/health")
    again = started("first", "serve")

    after = again.post("/api/ml/recommendations", question)["recommendations"]
    assert [item["item_id"] for item in after] == [item["item_id"] for item in before]
