"""Tokens by `databricks-sdk`, unmodified, in a process of its own."""

from typing import Any


def test_a_token_is_made_used_listed_and_ended(client: Any) -> None:
    found = client("sdk_tokens.py")
    assert (found["seconds"], found["same"]) == (3600, True)
    assert found["who"] == found["asker"]
    assert "for an hour" in found["listed"] and "for an hour" not in found["left"]
    assert found["again"] == "RESOURCE_DOES_NOT_EXIST"
