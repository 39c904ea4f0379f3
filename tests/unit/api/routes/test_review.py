"""The review queue over HTTP."""

import pytest

from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.spam_policy import SpamCase
from quikapp_ml.errors import Conflict, NotFound, PermissionDenied
from quikapp_ml.serving.spam_memory import SpamCheck
from support.fake_service import Client, FakeService


def test_what_waits_is_listed_by_place_and_status(client: Client, service: FakeService) -> None:
    for number, channel in enumerate(("C1", "C2")):
        case = SpamCase(0.97, 0.0, "mal", channel=channel)
        check = SpamCheck(f"d-{number}", 1_795_000_000.0, "W1", "free", case, "hold", (), 3, "c-1", None)
        service.moderation.queue.add(check)
    found = client.get("/api/ml/review?workspace=W1&order=campaign").json()
    assert (found["total"], [item["channel_id"] for item in found["items"]]) == (2, ["C1", "C2"])
    assert found["campaigns"] == [{"campaign_id": "c-1", "count": 2, "oldest": "2026-11-18T11:06:40+00:00"}]
    assert found["items"][0]["age_seconds"] == 60.0
    assert "appeal" not in found["items"][0]
    assert client.get("/api/ml/review?channel_id=C2&status=all").json()["total"] == 1
    assert client.get("/api/ml/review?status=released").json()["items"] == []


@pytest.mark.parametrize("query", ["status=done", "order=size", "limit=501", "workspace=a%00"])
def test_what_is_wrong_in_a_query_is_named(client: Client, query: str) -> None:
    answer = client.get(f"/api/ml/review?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == query.partition("=")[0]


def test_a_resolution_is_handed_on_with_who_sent_it(client: Client, service: FakeService) -> None:
    answer = client.post("/api/ml/review/d-1", json={"resolution": "remove"})
    assert answer.json() == {
        "decision_id": "d-1", "resolution": "remove", "resolved_by": "local", "decision_ids": ["d-1"],
    }  # fmt: skip
    assert service.answers.asked == [ReviewResolution(resolution="remove")]
    assert client.post("/api/ml/review/d-1", json={"resolution": "burn"}).status_code == 422


@pytest.mark.parametrize(("error", "status"), [(NotFound, 404), (Conflict, 409), (PermissionDenied, 403)])
def test_refusals_have_their_status(client: Client, service: FakeService, error: type[Exception], status: int) -> None:
    service.answers.failure = error("no")
    assert client.post("/api/ml/review/d-1", json={"resolution": "release"}).status_code == status
