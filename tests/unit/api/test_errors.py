from collections.abc import Iterator

import pytest

from quikapp_ml.api.errors import MAX_DETAILS, STATUSES, error_answer, status_of
from quikapp_ml.errors import (
    Conflict,
    Damaged,
    HomeInUse,
    InvalidInput,
    JobFailed,
    NotFound,
    Overloaded,
    Problem,
    QuikAppMLError,
    StorageFailed,
    Unavailable,
)
from support.fake_service import Client, FakeService

QUESTION = {"user_id": "user-1"}


def _subclasses(cls: type[QuikAppMLError]) -> Iterator[type[QuikAppMLError]]:
    for below in cls.__subclasses__():
        yield below
        yield from _subclasses(below)


def test_every_error_has_a_status_of_its_own_or_of_a_class_above_it() -> None:
    mapped = set(STATUSES) - {QuikAppMLError}
    unmapped = [cls.__name__ for cls in _subclasses(QuikAppMLError) if not mapped & set(cls.__mro__)]
    assert unmapped == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput, 422), (NotFound, 404), (Conflict, 409), (HomeInUse, 409), (Unavailable, 503), (Overloaded, 503),
        (StorageFailed, 503), (Damaged, 503), (JobFailed, 503), (QuikAppMLError, 500),
    ],
)  # fmt: skip
def test_statuses(error: type[QuikAppMLError], status: int) -> None:
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (InvalidInput("this is wrong"), 422, "invalid_input"),
        (NotFound("there is no such thing"), 404, "not_found"),
        (Conflict("not in this state"), 409, "conflict"),
        (Damaged("bytes are not what was written"), 503, "damaged"),
    ],
)
def test_an_error_of_the_service_is_shown_with_its_message(
    client: Client, service: FakeService, failure: QuikAppMLError, status: int, code: str
) -> None:
    service.answers.failure = failure
    answer = client.post("/api/ml/recommendations", json=QUESTION)
    assert answer.status_code == status
    assert answer.json() == {
        "error": {"code": code, "message": str(failure), "details": []},
        "request_id": answer.headers["x-request-id"],
    }


def test_what_may_succeed_later_says_when(client: Client, service: FakeService) -> None:
    service.intake.failure = Overloaded("too much is waiting", retry_after_seconds=7)
    answer = client.post("/api/ml/events", json={"events": [{}]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error"]["code"] == "overloaded"


@pytest.mark.parametrize("failure", [RuntimeError("secret: abc"), QuikAppMLError("secret: abc")])
def test_a_bug_is_logged_in_full_and_shown_as_nothing(
    client: Client, service: FakeService, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers.failure = failure
    answer = client.post(
        "/api/ml/spam-check", json={"content": "hello", "user_id": "u"}, headers={"x-request-id": "r-1"}
    )
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {"code": "internal", "message": "the service failed; its log names this request id", "details": []},
        "request_id": "r-1",
    }
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "request r-1: POST /api/ml/spam-check failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is failure


def test_a_long_list_of_problems_is_cut_and_says_so() -> None:
    problems = [Problem(f"items.{index}", "wrong", "is wrong", "x", "y") for index in range(MAX_DETAILS + 5)]
    body = bytes(error_answer("r", 422, "invalid_input", "much is wrong", problems).body).decode()
    assert body.count('"path"') == MAX_DETAILS
    assert f"much is wrong (the first {MAX_DETAILS} of {MAX_DETAILS + 5} problems are listed)" in body


def test_an_unknown_path_has_the_one_shape(client: Client) -> None:
    for path in ("/nothing", "/api/ml/nothing", "/api/ml/events/"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_method_names_the_right_one(client: Client) -> None:
    answer = client.get("/api/ml/rank")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"] == {
        "code": "method_not_allowed",
        "message": "GET is not for this path; allowed: POST",
        "details": [],
    }
