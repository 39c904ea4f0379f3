from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.online.published import PUBLISHED, document_key, namespace_of, read_published

NAME = "quikapp_ml.features.people"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
EVERY_KIND = {"a": "text", "b": "integer", "c": "boolean", "d": "date", "e": "time"}


def test_values_of_python_and_their_texts_are_the_same_key() -> None:
    given = {"a": "x", "b": 1, "c": False, "d": date(2026, 11, 23), "e": NOW}
    text = {**given, "d": "2026-11-23", "e": "2026-11-23T10:00:00+02:00"}
    assert document_key(NAME, EVERY_KIND, given) == document_key(NAME, EVERY_KIND, text)
    later = {**given, "e": NOW.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=1)}
    assert document_key(NAME, EVERY_KIND, later) != document_key(NAME, EVERY_KIND, given)


@pytest.mark.parametrize(("kind", "value", "said"), [
    ("text", 1, "a is a text, not 1"),
    ("integer", "1", "a is a whole number, not '1'"),
    ("integer", True, "a is a whole number, not True"),
    ("integer", 1.0, "a is a whole number, not 1.0"),
    ("boolean", 1, "a is true or false, not 1"),
    ("date", NOW, "a is a date, such as 2026-11-23, not datetime"),
    ("time", NOW.replace(tzinfo=None), "a is a time with its zone"),
    ("time", date(2026, 11, 23), "a is a time with its zone"),
    ("plain", 1.5, "a is a text, a whole number, true or false, not 1.5"),
    ("plain", None, "a is lacking"),
])  # fmt: skip
def test_a_part_of_another_kind_is_told(kind: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        document_key(NAME, {"a": kind}, {"a": value})
    assert said in str(caught.value)
    assert NAME in str(caught.value)
    assert [(one.path, one.code) for one in caught.value.problems] == [("a", "wrong_key")]


def test_a_table_that_was_published_before_kinds_were_told_apart_is_read() -> None:
    online = MemoryOnlineStore()
    mark = {"version": 1, "keys": {"id": "plain"}, "features": {"n": "plain", "x": "float"}, "ttl_seconds": None}
    documents: dict[str, bytes | None] = {
        '["a"]': orjson.dumps({"values": {"n": 3, "x": "nan"}}),
        "[1]": orjson.dumps({"values": {"x": 2.5}}),
    }
    online.write({PUBLISHED: {NAME: orjson.dumps(mark)}, namespace_of(NAME): documents})
    one, other, none = read_published(online, NAME, [{"id": "a"}, {"id": 1}, {"id": "1"}], None, NOW)
    assert (one.values["n"], str(one.values["x"])) == (3, "nan")
    assert dict(other.values) == {"n": None, "x": 2.5}
    assert none.status == "not_found"
