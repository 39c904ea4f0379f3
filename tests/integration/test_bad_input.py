"""Whatever is sent to an endpoint: a 4xx in the one error shape that names the field, or an answer. Never a 5xx."""

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EVENT = {
    "event_id": "event-1",
    "type": "message",
    "event_time": "2026-11-23T08:00:00+00:00",
    "user_id": "user-1",
    "channel_id": "channel-1",
    "message_id": "msg-1",
    "content": "hello",
}
GOOD: dict[str, dict[str, Any]] = {
    "/api/ml/events": {"events": [EVENT]},
    "/api/ml/recommendations": {"user_id": "user-1", "context": {"channel_id": "channel-1"}, "limit": 10},
    "/api/ml/rank": {"user_id": "user-1", "query": "notes", "items": [{"item_id": "msg-1", "content": "the notes"}]},
    "/api/ml/spam-check": {"content": "hello", "user_id": "user-1", "metadata": {"ip_address": "192.168.1.1"}},
    "/api/ml/sentiment": {"messages": [{"id": "msg-1", "content": "This is great!"}]},
    "/api/ml/feedback": {"decision_id": "decision-1", "action": "click"},
}
ENDPOINTS = list(GOOD)


@pytest.fixture(scope="module")
def http(service_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service_url, timeout=30) as client:
        yield client


def _refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error, after a look at its shape."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["message"]
    for detail in error["details"]:
        assert {"path", "code", "message", "given"} <= set(detail) <= {"path", "code", "message", "given", "allowed"}
    return error


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"not json", b'{"a":1,}', b"{'a':1}", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e999}',
        b'{"a":"\\ud800"}', b'{"\\udfff":1}', b'{"a":"\xff\xfe"}', b"\xef\xbb\xbf{}", b"{}{}", b'{"a":01}', b"\x00",
        b"[" * 100_000, b'{"a":' * 100_000, '{"a":1}'.encode("utf-16"), b"user_id=user-1&limit=10",
    ],
    ids=lambda body: repr(body[:14]),
)  # fmt: skip
def test_what_is_not_json(http: httpx.Client, path: str, body: bytes) -> None:
    error = _refusal(http.post(path, content=body, headers={"content-type": "application/json"}), 400)
    assert error["code"] == "malformed_json"
    assert error["details"][0]["allowed"]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"', b"true"])
def test_what_is_not_an_object(http: httpx.Client, path: str, body: bytes) -> None:
    [detail] = _refusal(http.post(path, content=body), 422)["details"]
    assert (detail["path"], detail["allowed"]) == ("", "an object")
    assert detail["given"]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_what_is_said_to_be_something_else(http: httpx.Client, path: str, content_type: str) -> None:
    answer = http.post(path, content=b"{}", headers={"content-type": content_type})
    [detail] = _refusal(answer, 415)["details"]
    assert (detail["given"], detail["allowed"]) == (repr(content_type), "application/json")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_ten_megabytes(http: httpx.Client, path: str) -> None:
    [detail] = _refusal(http.post(path, content=b'{"a":"' + b"x" * 10_000_000 + b'"}'), 413)["details"]
    assert (detail["given"], detail["allowed"]) == ("10000008 bytes", "at most 8388608 bytes")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_ten_megabytes_that_do_not_say_so(http: httpx.Client, path: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * 1_000_000

    [detail] = _refusal(http.post(path, content=parts()), 413)["details"]
    assert (detail["given"], detail["allowed"]) == ("more than 8388608 bytes", "at most 8388608 bytes")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods(http: httpx.Client, path: str, method: str) -> None:
    answer = http.request(method, path)
    assert "POST" in _refusal(answer, 405)["message"]
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/ml", "/api/ml/", "/api/ml/nothing", "/api/ml/rank/", "/%00", "/\u00e9"]
)
def test_paths_that_lead_nowhere(http: httpx.Client, path: str) -> None:
    assert _refusal(http.get(path), 404)["code"] == "not_found"
    assert _refusal(http.post(path, json={}), 404)["code"] == "not_found"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_an_unknown_field_is_named(http: httpx.Client, path: str) -> None:
    [detail] = _refusal(http.post(path, json={**GOOD[path], "colour": "red"}), 422)["details"]
    assert (detail["path"], detail["code"], detail["given"]) == ("colour", "extra_forbidden", "'red'")
    assert all(name in detail["allowed"] for name in GOOD[path])


@pytest.mark.parametrize("path", ENDPOINTS)
def test_very_many_unknown_fields(http: httpx.Client, path: str) -> None:
    error = _refusal(http.post(path, json={**GOOD[path], **{f"field-{n}": n for n in range(100_000)}}), 422)
    assert error["details"][0]["code"] == "too_many_fields"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_very_deep_values(http: httpx.Client, path: str) -> None:
    for name in [*GOOD[path], "other"]:
        deep = b"[" * 900 + b"]" * 900
        error = _refusal(http.post(path, content=b'{"%s":%s}' % (name.encode(), deep)), 422)
        assert (error["details"][0]["path"], error["details"][0]["code"]) == (name, "too_deep")


REQUIRED = [
    ("/api/ml/events", "events"),
    ("/api/ml/recommendations", "user_id"),
    ("/api/ml/rank", "user_id"),
    ("/api/ml/rank", "items"),
    ("/api/ml/spam-check", "content"),
    ("/api/ml/spam-check", "user_id"),
    ("/api/ml/sentiment", "messages"),
    ("/api/ml/feedback", "decision_id"),
    ("/api/ml/feedback", "action"),
]


@pytest.mark.parametrize(("path", "field"), REQUIRED)
def test_a_missing_field_is_named(http: httpx.Client, path: str, field: str) -> None:
    [detail] = _refusal(http.post(path, json={k: v for k, v in GOOD[path].items() if k != field}), 422)["details"]
    assert (detail["path"], detail["code"], detail["given"]) == (field, "missing", None)
    assert detail["allowed"]


LONG = "x" * 129
ID = "a string of 1 to 128 characters"
BAD_FIELDS: list[tuple[str, str, Any, str, str]] = [
    # endpoint, field, value, what the error says was given, what it says is allowed
    ("recommendations", "user_id", 5, "5", ID),
    ("recommendations", "user_id", None, "None", ID),
    ("recommendations", "user_id", "", "0 characters", ID),
    ("recommendations", "user_id", LONG, "129 characters", ID),
    ("recommendations", "user_id", "a\x00b", r"'a\x00b'", ID),
    ("recommendations", "user_id", "a\nb", r"'a\nb'", ID),
    ("recommendations", "user_id", ["user-1"], "['user-1']", ID),
    ("recommendations", "limit", 0, "0", "an integer of 1 to 100"),
    ("recommendations", "limit", -1, "-1", "an integer of 1 to 100"),
    ("recommendations", "limit", 10**9, "1000000000", "an integer of 1 to 100"),
    ("recommendations", "limit", 10**30, "1e+30", "an integer of 1 to 100"),
    ("recommendations", "limit", 10.0, "10.0", "an integer of 1 to 100"),
    ("recommendations", "limit", "10", "'10'", "an integer of 1 to 100"),
    ("recommendations", "limit", True, "True", "an integer of 1 to 100"),
    ("recommendations", "types", [], "0 items", "a list of 1 to 3 items"),
    ("recommendations", "types", "channel", "'channel'", "a list of 1 to 3 items"),
    ("recommendations", "types.1", ["user", "dog"], "'dog'", "one of channel, user, message"),
    ("recommendations", "context", [], "[]", "an object"),
    ("recommendations", "explain", "yes", "'yes'", "true or false"),
    ("recommendations", "explain", 1, "1", "true or false"),
    ("rank", "items", [], "0 items", "a list of 1 to 1000 items"),
    ("rank", "items", [{"item_id": str(n)} for n in range(1_001)], "1001 items", "a list of 1 to 1000 items"),
    ("rank", "items.0", ["msg-1"], "'msg-1'", "an object with the fields item_id"),
    ("rank", "items.1.item_id", [{"item_id": "a"}, {"item_id": "a"}], "'a'", "an id that no other of the list has"),
    ("rank", "items.0.item_type", [{"item_id": "a", "item_type": "dog"}], "'dog'", "one of channel, user, message"),
    ("rank", "items.0.created_at", [{"item_id": "a", "created_at": "2026-11-23"}], "'2026-11-23'", "an ISO 8601 time"),
    ("rank", "items.0.created_at", [{"item_id": "a", "created_at": 1}], "1", "an ISO 8601 time with its time zone"),
    ("rank", "items.0.size", [{"item_id": "a", "size": 1}], "1", "the fields item_id, item_type, content"),
    ("rank", "query", "x" * 1_001, "1001 characters", "a string of at most 1000 characters or null"),
    ("rank", "query", "a\x00", r"'a\x00'", "a string of at most 1000 characters or null"),
    ("spam-check", "content", "x" * 40_001, "40001 characters", "a string of at most 40000 characters"),
    ("spam-check", "content", "a\x00", r"'a\x00'", "a string of at most 40000 characters"),
    ("spam-check", "content", None, "None", "a string of at most 40000 characters"),
    ("spam-check", "metadata", "192.168.1.1", "'192.168.1.1'", "an object"),
    ("spam-check", "dry_run", "false", "'false'", "true or false"),
    ("sentiment", "messages", [], "0 items", "a list of 1 to 1000 items"),
    ("sentiment", "messages", {"id": "a", "content": "b"}, "{'content': 'b', 'id': 'a'}", "a list of 1 to 1000 items"),
    (
        "sentiment",
        "messages",
        [{"id": str(n), "content": "x"} for n in range(10_001)],
        "10001 items",
        "1 to 1000 items",
    ),
    ("sentiment", "messages", [1] * 3_000_000, "3000000 items", "a list of 1 to 1000 items"),
    ("sentiment", "messages.0.content", [{"id": "a", "content": 5}], "5", "a string of at most 40000 characters"),
    ("sentiment", "messages.1.id", [{"id": "a", "content": "x"}] * 2, "'a'", "an id that no other of the list has"),
    ("feedback", "action", "dance", "'dance'", "one of click, join, reply"),
    ("feedback", "value", "1", "'1'", "a number or null"),
    ("feedback", "comment", "x" * 1_001, "1001 characters", "a string of at most 1000 characters or null"),
    ("events", "events", [], "0 items", "a list of 1 to 1000 events"),
    ("events", "events", [EVENT] * 1_001, "1001 items", "a list of 1 to 1000 events"),
    ("events", "events", EVENT, "{", "a list of 1 to 1000 events"),
]


@pytest.mark.parametrize(("endpoint", "path", "value", "given_part", "allowed_part"), BAD_FIELDS)
def test_a_wrong_value_is_named_with_what_was_given_and_what_is_allowed(
    http: httpx.Client, endpoint: str, path: str, value: Any, given_part: str, allowed_part: str
) -> None:
    body = {**GOOD[f"/api/ml/{endpoint}"], path.partition(".")[0]: value}
    error = _refusal(http.post(f"/api/ml/{endpoint}", json=body), 422)
    [detail] = error["details"]
    assert detail["path"] == path
    assert given_part in detail["given"]
    assert allowed_part in detail["allowed"]
    assert path in error["message"]


BAD_EVENTS: list[tuple[Any, str, str]] = [
    # what is wrong, path, part of the message
    ({"event_time": "2026-11-23T08:00:00"}, "event_time", "time zone"),
    ({"event_time": "yesterday"}, "event_time", "ISO 8601"),
    ({"event_time": 1795766400}, "event_time", "ISO 8601"),
    ({"event_time": "2999-01-01T00:00:00Z"}, "event_time", "future"),
    ({"event_time": "0001-01-01T00:00:00+14:00"}, "event_time", "2000"),
    ({"type": "dance"}, "type", "known are block, channel_archived"),
    ({"type": None}, "type", "known are"),
    ({"type": ["message"]}, "type", "known are"),
    ({"user_id": ""}, "user_id", "at least 1 character"),
    ({"user_id": "a\x00"}, "user_id", "control characters"),
    ({"event_id": LONG}, "event_id", "at most 128 characters"),
    ({"event_id": 7}, "event_id", "string"),
    ({"channel_id": None}, "channel_id", "string"),
    ({"content": "a\x00b"}, "content", "NUL"),
    ({"content": "x" * 40_001}, "content", "40000 characters"),
    ({"is_bot": "no"}, "is_bot", "boolean"),
    ({"colour": "red"}, "colour", "not permitted"),
]


@pytest.mark.parametrize(("wrong", "path", "part"), BAD_EVENTS)
def test_a_wrong_event_is_rejected_by_itself(http: httpx.Client, wrong: dict[str, Any], path: str, part: str) -> None:
    good = {**EVENT, "event_id": "of the same list", "message_id": "of the same list"}
    http.post("/api/ml/events", json={"events": [good]})
    answer = http.post("/api/ml/events", json={"events": [good, {**EVENT, **wrong}, good]})
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert (receipt["accepted"], receipt["duplicates"]) == (0, 2)
    [rejection] = receipt["rejected"]
    assert (rejection["index"], rejection["path"]) == (1, path)
    assert rejection["code"]
    assert part in rejection["message"]


@pytest.mark.parametrize("event", [None, 5, "message", [], [EVENT], {}, True])
def test_what_is_no_event_is_rejected_by_itself(http: httpx.Client, event: Any) -> None:
    answer = http.post("/api/ml/events", json={"events": [event]})
    assert answer.status_code == 202, answer.text
    [rejection] = answer.json()["rejected"]
    assert rejection["index"] == 0
    assert rejection["message"]


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["", "user-1", "channel", "message", "\x00", "2026-11-23T08:00:00Z", "\u202e", "💥"])
)  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from([
    "user_id", "context", "limit", "types", "explain", "query", "items", "item_id", "item_type", "content",
    "channel_id", "author_id", "created_at", "metadata", "ip_address", "dry_run", "messages", "id", "decision_id",
    "action", "value", "comment", "events", "event_id", "type", "event_time", "message_id", "thread_id", "reaction",
    "removed", "role", "target_user_id", "topic", "name", "is_private", "reason",
])  # fmt: skip
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(NAMES, v, max_size=5), max_leaves=12)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, member in members for place in _places(member, (*at, key)))]


@st.composite
def damaged(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """A good body with something else put in one or two of its places."""
    body: Any = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(_places(body)))
        if not place:
            body = {**body, draw(NAMES): draw(VALUES)}
            continue
        holder = body
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = draw(VALUES)
    return body


@pytest.mark.parametrize("path", ENDPOINTS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_makes_a_5xx(http: httpx.Client, path: str, data: st.DataObject) -> None:
    body = data.draw(damaged(GOOD[path]) | st.dictionaries(NAMES, VALUES, max_size=6))
    answer = http.post(path, json=body)
    assert answer.status_code in (200, 202, 404, 422), (body, answer.text)
    if answer.status_code in (404, 422):
        _refusal(answer, answer.status_code)
