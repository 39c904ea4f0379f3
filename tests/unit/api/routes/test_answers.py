import threading
from concurrent.futures import CancelledError
from typing import Any

from quikapp_ml.api.routes.sentiment import CLIENT_LEFT
from quikapp_ml.entities.questions import RecommendationQuestion, SentimentQuestion, SpamQuestion
from quikapp_ml.errors import Overloaded
from quikapp_ml.serving.batcher import Caller
from support.fake_service import Client, FakeService


def test_recommendations(client: Client, service: FakeService) -> None:
    body: dict[str, Any] = {
        "user_id": "user-123",
        "context": {"channel_id": "channel-456", "time_of_day": "morning"},
        "limit": 10,
    }
    answer = client.post("/api/ml/recommendations", json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "decision_id": "decision-1",
        "user_id": "user-123",
        "recommendations": [
            {
                "item_id": "channel-1",
                "item_type": "channel",
                "score": 0.5,
                "rank": 1,
                "source": "popular",
                "reasons": [{"code": "popular", "text": "Many people talk here"}],
            }
        ],
        "model": {"name": "recommendation-v2", "version": "3.1.0"},
        "degraded": False,
    }
    assert service.answers.asked == [RecommendationQuestion(**body)]


def test_explained_recommendations_have_contributions(client: Client) -> None:
    answer = client.post("/api/ml/recommendations", json={"user_id": "u", "explain": True})
    assert answer.json()["recommendations"][0]["contributions"] == {"popularity": 0.5}


def test_rank(client: Client) -> None:
    body = {
        "user_id": "u",
        "query": "q",
        "items": [{"item_id": "b", "created_at": "2026-11-23T08:00:00Z"}, {"item_id": "a"}],
    }
    answer = client.post("/api/ml/rank", json=body)
    assert answer.json()["items"] == [
        {"item_id": "b", "score": 0.5, "rank": 1},
        {"item_id": "a", "score": 0.5, "rank": 2},
    ]


def test_spam_check(client: Client, service: FakeService) -> None:
    body: dict[str, Any] = {
        "content": "Check out this amazing offer!",
        "user_id": "user-789",
        "metadata": {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0..."},
    }
    answer = client.post("/api/ml/spam-check", json=body)
    assert list(answer.json()) == [
        "decision_id", "is_spam", "spam_probability", "action", "abuse",
        "evidence", "bias", "logit", "model", "degraded", "policy_version",
    ]  # fmt: skip
    assert answer.json()["evidence"] == [
        {"signal": "word", "weight": 1.5, "detail": "an offer", "spans": [{"start": 23, "end": 28}]}
    ]
    assert service.answers.asked == [SpamQuestion(**body)]


def test_texts_are_read_in_another_thread(client: Client, service: FakeService) -> None:
    threads = []
    read = service.answers.read

    class Reader:
        def read(self, question: SentimentQuestion, caller: Caller) -> Any:
            threads.append(threading.current_thread())
            return read(question)

    service.sentiment = Reader()  # type: ignore[assignment]
    answer = client.post("/api/ml/sentiment", json={"messages": [{"id": "msg-1", "content": "hello"}]})
    assert len(answer.json()["results"]) == 1
    assert threads != [threading.current_thread()]


def test_too_much_at_once_is_refused_with_a_time_to_come_back(client: Client, service: FakeService) -> None:
    class Full:
        def read(self, question: SentimentQuestion, caller: Caller) -> Any:
            raise Overloaded("too much waits", retry_after_seconds=2)

    service.sentiment = Full()  # type: ignore[assignment]
    answer = client.post("/api/ml/sentiment", json={"messages": [{"id": "msg-1", "content": "hello"}]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_who_closes_the_connection_is_taken_out_of_the_queue(client: Client, service: FakeService) -> None:
    body = b'{"messages":[{"id":"msg-1","content":"hello"}]}'
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]
    sent: list[Any] = []
    left = threading.Event()

    class Waiting:
        def read(self, question: SentimentQuestion, caller: Caller) -> Any:
            while not caller.has_left:
                left.wait(0.01)
            left.set()
            raise CancelledError

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def asked() -> Any:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST", "path": "/api/ml/sentiment", "headers": headers, "query_string": b""}
        await client.app({**scope, "http_version": "1.1", "scheme": "http"}, receive, send)

    service.sentiment = Waiting()  # type: ignore[assignment]
    client.run(asked())
    assert left.is_set()
    assert sent[0]["status"] == CLIENT_LEFT


def test_the_mood_of_a_channel(client: Client) -> None:
    answer = client.get("/api/ml/sentiment/channels/channel-456", params={"user_id": "user-123"})
    assert answer.status_code == 200
    assert answer.json()["days"][0]["day"] == "2026-11-19"
    assert client.get("/api/ml/sentiment/channels/channel-456").status_code == 422
    assert client.get("/api/ml/sentiment/channels/c", params={"user_id": "u", "days": 32}).status_code == 422


def test_feedback(client: Client) -> None:
    answer = client.post(
        "/api/ml/feedback", json={"decision_id": "decision-1", "action": "join", "item_id": "channel-1"}
    )
    assert (answer.status_code, answer.json()) == (202, {"feedback_id": "feedback-1", "decision_id": "decision-1"})
