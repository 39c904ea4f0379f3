from typing import Any

import pytest
from pydantic import ValidationError

from quikapp_ml.entities.questions import SpamQuestion


def nested(n_levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(n_levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"note": "x" * 16_384}, "too_large"),
        (nested(32), "too_deep"),
        (nested(5_000), "too_deep"),
        ({"note": "\ud800"}, "not_json"),
        ({"\ud800": 1}, "not_json"),
        ({"note": 2**64}, "not_json"),
    ],
)
def test_open_fields_that_cannot_be_kept_are_refused(metadata: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as raised:
        SpamQuestion(content="hello", user_id="u1", metadata=metadata)
    (detail,) = raised.value.errors()
    assert (detail["loc"], detail["type"]) == (("metadata",), code)


@pytest.mark.parametrize("metadata", [{}, nested(31), {"note": "x" * 16_000}, {"hops": [1, 2.5, None, True, "ü"]}])
def test_open_fields_are_kept_as_they_came(metadata: dict[str, Any]) -> None:
    assert SpamQuestion(content="hello", user_id="u1", metadata=metadata).metadata == metadata
