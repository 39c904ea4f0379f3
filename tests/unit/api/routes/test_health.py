import pytest

from quikapp_ml.serving.health import HealthReport
from support.fake_service import Client, FakeService


def test_health_is_exactly_what_the_documentation_says(client: Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.content == (
        b'{"status":"healthy","databricks_connection":"connected","models_loaded":3,'
        b'"feature_store":"available","version":"1.0.0"}'
    )


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (HealthReport("degraded", "disconnected", 2, "available", "1.0.0"), 200),
        (HealthReport("unhealthy", "connected", 3, "unavailable", "1.0.0"), 503),
    ],
)
def test_only_a_service_that_cannot_answer_is_503(
    client: Client, service: FakeService, report: HealthReport, status: int
) -> None:
    service.health.state = report
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (status, report.status)


def test_live_and_ready(client: Client, service: FakeService) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    service.health.ready = False
    assert client.get("/health/live").status_code == 200
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"status": "not ready"}, "1")
