from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from quikapp_ml.entities.decisions import Receipt, Rejection
from quikapp_ml.errors import InvalidInput, Unavailable
from quikapp_ml.importers.delivery import deliver, http_sink, intake_sink

URL = "http://localhost:5008"
EVENTS = [{"event_id": f"e{number}"} for number in range(1_234)]


class Counting:
    """A sink that accepts what it has not seen and rejects ids that end in 7."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.seen: set[str] = set()

    def __call__(self, events: Sequence[Mapping[str, Any]]) -> Receipt:
        self.sizes.append(len(events))
        rejected = tuple(
            Rejection(index, "bad", "ends in 7") for index, e in enumerate(events) if e["event_id"].endswith("7")
        )
        good = {event["event_id"] for event in events if not event["event_id"].endswith("7")}
        fresh = good - self.seen
        self.seen |= good
        return Receipt(len(fresh), len(good) - len(fresh), rejected)


def test_all_events_arrive_in_lists_of_the_size_asked_for() -> None:
    sink, progress = Counting(), list[int]()

    delivered = deliver(iter(EVENTS), sink, batch=500, on_progress=progress.append)

    assert sink.sizes == [500, 500, 234]
    assert progress == [500, 1_000, 1_234]
    assert (delivered.accepted, delivered.duplicates, delivered.rejected) == (1_111, 0, 123)


def test_a_second_delivery_counts_duplicates() -> None:
    sink = Counting()
    deliver(EVENTS, sink)

    again = deliver(EVENTS, sink)

    assert (again.accepted, again.duplicates) == (0, 1_111)


def test_rejections_count_from_the_first_event_and_examples_are_bounded() -> None:
    delivered = deliver(EVENTS, Counting(), batch=10)

    assert [rejection.index for rejection in delivered.first_rejected[:3]] == [7, 17, 27]
    assert len(delivered.first_rejected) == 100
    assert delivered.total == len(EVENTS)


def test_nothing_to_deliver_is_fine() -> None:
    assert deliver([], Counting()).total == 0


@pytest.mark.parametrize("batch", [0, 1_001])
def test_a_list_that_no_service_takes_is_refused(batch: int) -> None:
    with pytest.raises(InvalidInput, match="allowed is 1 to 1000"):
        deliver(EVENTS, Counting(), batch=batch)


def test_the_intake_is_told_the_time() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    taken: list[tuple[int, datetime]] = []

    class Intake:
        def accept_now(self, given: Sequence[object], now: datetime) -> Receipt:
            taken.append((len(given), now))
            return Receipt(len(given), 0)

    deliver(EVENTS[:3], intake_sink(Intake(), clock=lambda: now))

    assert taken == [(3, now)]


Answer = Callable[[httpx.Request], httpx.Response]


def _client(answer: Answer) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def test_a_running_service_gets_the_events_and_its_receipt_is_read() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        rejected = [{"index": 1, "code": "missing", "message": "Field required", "path": "user_id"}]
        return httpx.Response(202, json={"accepted": 1, "duplicates": 2, "rejected": rejected})

    receipt = http_sink(f"{URL}/", _client(answer))(EVENTS[:4])

    assert str(asked[0].url) == f"{URL}/api/ml/events"
    assert orjson.loads(asked[0].content) == {"events": EVENTS[:4]}
    assert receipt == Receipt(1, 2, (Rejection(1, "missing", "Field required", "user_id"),))


def test_a_busy_service_is_asked_again_after_the_pause_it_names() -> None:
    pauses: list[float] = []
    answers = iter([
        httpx.Response(503, headers={"Retry-After": "3"}, json={"error": {"message": "overloaded"}}),
        httpx.Response(503, headers={"Retry-After": "100000"}),
        httpx.Response(503, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        httpx.Response(503),
        httpx.Response(202, json={"accepted": 1, "duplicates": 0, "rejected": []}),
    ])  # fmt: skip

    receipt = http_sink(URL, _client(lambda _: next(answers)), pauses.append)(EVENTS[:1])

    assert receipt.accepted == 1
    assert pauses == [3.0, 30.0, 1.0, 2.0]


def test_a_service_that_stays_busy_is_given_up() -> None:
    pauses: list[float] = []
    busy = _client(lambda _: httpx.Response(503, json={"error": {"message": "the disk is full"}}))

    with pytest.raises(Unavailable, match=r"asked 8 times; the last answer: the disk is full"):
        http_sink(URL, busy, pauses.append)(EVENTS[:1])

    assert len(pauses) == 7


def test_a_service_that_is_not_there_is_given_up() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(Unavailable, match="ConnectError: connection refused"):
        http_sink(URL, _client(refuse), lambda _: None)(EVENTS[:1])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            httpx.Response(422, json={"error": {"message": "unknown field events2"}}),
            "status 422: unknown field events2",
        ),
        (httpx.Response(404, text="Not here"), "status 404: Not here"),
    ],
)
def test_a_service_that_refuses_is_quoted(answer: httpx.Response, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        http_sink(URL, _client(lambda _: answer))(EVENTS[:1])
