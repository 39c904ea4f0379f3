import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.events import EVENT_TYPES, EventBase, parse_event
from quikapp_ml.errors import InvalidInput

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE, flags=re.MULTILINE | re.DOTALL))
CODES = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE.partition("## Why an event")[2], re.M))))
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def example(name: str) -> dict[str, Any]:
    (block,) = re.findall(r"```json\n(.*?)```", SECTIONS[name], flags=re.DOTALL)
    given: dict[str, Any] = orjson.loads(block)
    return given


def test_every_type_has_its_section_and_no_other() -> None:
    assert set(SECTIONS) == set(EVENT_TYPES)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_example_of_a_type_is_taken(name: str) -> None:
    event = parse_event(example(name), now=NOW)
    assert event.type == name


@pytest.mark.parametrize(("name", "cls"), EVENT_TYPES.items())
def test_every_field_of_a_type_is_named(name: str, cls: type[EventBase]) -> None:
    fields = SECTIONS[name].partition("Fields:")[2].partition("```json")[0]
    own = set(cls.model_fields) - set(EventBase.model_fields) - {"type"}
    for field in own:
        mark = "" if cls.model_fields[field].is_required() else r"\?"
        assert re.search(rf"`{field}`{mark}[^?]", fields), f"{name}: `{field}`{mark} is not named"
    choices = {"spam", "abuse", "other", "guest", "member", "moderator", "admin", "owner"}
    assert set(re.findall(r"`(\w+)`", fields)) - choices == own


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("text", "not_an_object"),
        ({"type": "dance"}, "unknown_event_type"),
        ({"event_id": ...}, "missing"),
        ({"weather": "fine"}, "extra_forbidden"),
        ({"content": 1}, "string_type"),
        ({"is_bot": 1}, "bool_type"),
        ({"user_id": ""}, "string_too_short"),
        ({"user_id": "x" * 129}, "string_too_long"),
        ({"content": "x" * 40_001}, "string_too_long"),
        ({"content": "\ud800"}, "string_unicode"),
        ({"user_id": "a\nb"}, "control_character"),
        ({"content": "\x00"}, "nul_character"),
        ({"event_time": 1700000000}, "time_format"),
        ({"event_time": "yesterday"}, "time_format"),
        ({"event_time": "2026-11-23T08:00:00"}, "time_zone_missing"),
        ({"event_time": "1999-12-31T23:59:59Z"}, "time_too_early"),
        ({"event_time": "0001-01-01T00:00:00+14:00"}, "time_too_early"),
        ({"event_time": "9999-12-31T23:59:59-14:00"}, "time_in_future"),
        ({"event_time": "2026-11-23T09:05:01Z"}, "time_in_future"),
    ],
)
def test_every_reason_is_listed(given: Any, code: str) -> None:
    changed = {**example("message"), **given} if isinstance(given, dict) else given
    if isinstance(changed, dict):
        changed = {name: value for name, value in changed.items() if value is not ...}
    with pytest.raises(InvalidInput) as raised:
        parse_event(changed, now=NOW)
    assert [problem.code for problem in raised.value.problems] == [code]
    assert code in CODES


def test_a_value_that_is_none_of_those_allowed() -> None:
    with pytest.raises(InvalidInput, match="'guest', 'member', 'moderator', 'admin' or 'owner'") as raised:
        parse_event({**example("role_changed"), "role": "king"}, now=NOW)
    assert raised.value.problems[0].code == "literal_error"
    assert "literal_error" in CODES
