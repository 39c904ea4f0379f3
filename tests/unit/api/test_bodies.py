from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.api.bodies import MAX_DEPTH, MAX_FIELDS, check_shape
from quikapp_ml.errors import InvalidInput
from support.fake_service import Client, FakeService

RECOMMEND = "/api/ml/recommendations"
GOOD = b'{"user_id":"user-1"}'


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json", None]
)
def test_bodies_that_are_json_by_name_are_read(client: Client, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    assert client.post(RECOMMEND, content=GOOD, headers=headers).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_bodies_that_are_something_else_by_name_are_refused(client: Client, content_type: str) -> None:
    answer = client.post(RECOMMEND, content=GOOD, headers={"content-type": content_type})
    assert answer.status_code == 415
    [detail] = answer.json()["error"]["details"]
    assert (detail["given"], detail["allowed"]) == (repr(content_type), "application/json")


def test_a_web_page_of_another_origin_cannot_leave_the_content_type_out(client: Client) -> None:
    answer = client.post(RECOMMEND, content=GOOD, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"{'user_id': 1}", b'{"user_id":NaN}', b'{"user_id":"\\ud800"}', b'{"user_id":"\xff"}', b"{}{}",
        b'{"user_id":1e999}', b"[" * 5000, b'\xef\xbb\xbf{"user_id":"u"}',
    ],
)  # fmt: skip
def test_what_is_not_json_is_400_with_the_place(client: Client, body: bytes) -> None:
    answer = client.post(RECOMMEND, content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "malformed_json"
    assert "at line 1, column " in error["message"]
    assert error["details"][0]["allowed"].startswith("one JSON object in UTF-8")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"'])
def test_what_is_not_an_object_is_422(client: Client, body: bytes) -> None:
    answer = client.post(RECOMMEND, content=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["code"] == "not_an_object"


def test_every_wrong_field_is_named_with_what_was_given_and_what_is_allowed(client: Client) -> None:
    answer = client.post(RECOMMEND, json={"user_id": "u", "limit": 1_000_000_000, "types": ["dog"], "colour": "red"})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [
        {
            "path": "limit", "code": "less_than_equal", "message": "Input should be less than or equal to 100",
            "given": "1000000000", "allowed": "an integer of 1 to 100",
        },
        {
            "path": "types.0", "code": "literal_error", "message": "Input should be 'channel', 'user' or 'message'",
            "given": "'dog'", "allowed": "one of channel, user, message",
        },
        {
            "path": "colour", "code": "extra_forbidden", "message": "Extra inputs are not permitted",
            "given": "'red'", "allowed": "the fields user_id, context, limit, types, explain",
        },
    ]  # fmt: skip


def test_a_missing_field_was_not_given(client: Client) -> None:
    [detail] = client.post(RECOMMEND, json={}).json()["error"]["details"]
    assert detail["path"] == "user_id"
    assert detail["given"] is None


def test_a_repeated_id_is_named_where_it_comes_again(client: Client) -> None:
    messages = [{"id": "a", "content": "x"}, {"id": "b", "content": "x"}, {"id": "a", "content": "x"}]
    [detail] = client.post("/api/ml/sentiment", json={"messages": messages}).json()["error"]["details"]
    assert detail["path"] == "messages.2.id"
    assert detail["given"] == "'a'"
    assert detail["message"] == "repeats an id of this request; ids must differ"


def test_a_great_length_is_given_as_a_number(client: Client) -> None:
    messages = [{"id": str(index), "content": "x"} for index in range(10_001)]
    [detail] = client.post("/api/ml/sentiment", json={"messages": messages}).json()["error"]["details"]
    assert (detail["path"], detail["given"], detail["allowed"]) == (
        "messages",
        "10001 items",
        "a list of 1 to 1000 items",
    )
    body = {"content": "x" * 40_001, "user_id": "u"}
    [detail] = client.post("/api/ml/spam-check", json=body).json()["error"]["details"]
    assert (detail["path"], detail["given"]) == ("content", "40001 characters")


def test_open_fields_are_open(client: Client, service: FakeService) -> None:
    context = {"time_of_day": "morning", "anything": [1, {"at": "all"}], "NUL \x00": None}
    assert client.post(RECOMMEND, json={"user_id": "u", "context": context}).status_code == 200
    assert service.answers.asked[-1].context == context


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_the_deepest_body_that_is_taken(client: Client) -> None:
    check_shape({"context": _nested(MAX_DEPTH - 1)})
    answer = client.post(RECOMMEND, content=orjson.dumps({"user_id": "u", "context": {"x": _nested(MAX_DEPTH - 2)}}))
    assert answer.status_code == 200


@pytest.mark.parametrize("levels", [MAX_DEPTH, 900])
def test_a_deeper_one_is_refused_by_the_name_of_its_field(client: Client, levels: int) -> None:
    body = b'{"user_id":"u","context":{"x":' + b"[" * levels + b"]" * levels + b"}}"
    answer = client.post(RECOMMEND, content=body)
    assert answer.status_code == 422
    [detail] = answer.json()["error"]["details"]
    assert (detail["path"], detail["code"]) == ("context", "too_deep")


@pytest.mark.parametrize(
    "body", [{str(n): 1 for n in range(MAX_FIELDS + 1)}, {"x": [{str(n): 1 for n in range(MAX_FIELDS + 1)}]}]
)
def test_an_object_with_very_many_fields_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"{MAX_FIELDS + 1} fields"):
        check_shape(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4))
def test_bodies_of_common_shape_are_not_refused(body: dict[str, Any]) -> None:
    def depth(value: Any) -> int:
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + max(map(depth, members), default=0) if isinstance(value, dict | list) else 0

    if depth(body) <= MAX_DEPTH:
        check_shape(body)
    else:
        with pytest.raises(InvalidInput):
            check_shape(body)
