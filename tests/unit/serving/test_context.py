"""The open part of a question."""

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.context import check_context


def test_known_fields_are_texts_and_others_pass() -> None:
    check_context({})
    check_context({"channel_id": "c", "time_of_day": "morning", "weather": {"rain": True}, "n": 5})


def test_each_wrong_field_is_named_with_what_was_given() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_context({"channel_id": 5, "time_of_day": ["morning"]})
    assert [(one.path, one.given) for one in caught.value.problems] == [
        ("context.channel_id", "5"),
        ("context.time_of_day", "['morning']"),
    ]
