from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput, Unavailable
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.late import LateRegistry
from quikapp_ml.stores.registry.memory import MemoryRegistry


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "ftp://ada:secret-1@host",
        "./secret-1",
        "mongodb+srv://secret-1",
        "http://secret-1@[host",
        "sqlite:",
        "sqlite:///",
    ],
)
def test_other_uris_are_refused_without_keys(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"sqlite:///path, .* or memory://") as caught:
        open_registry(uri, "e", tmp_path)
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:////nowhere/x.db", "https://host", "databricks", "databricks://profile"])
def test_opening_touches_nothing_before_the_first_call(uri: str, tmp_path: Path) -> None:
    assert isinstance(open_registry(uri, "e", tmp_path), LateRegistry)


def test_an_opening_that_fails_is_tried_again() -> None:
    tries: list[int] = []

    def open_now() -> MemoryRegistry:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("not yet")
        return MemoryRegistry()

    registry = LateRegistry(open_now)
    with pytest.raises(Unavailable):
        registry.names()
    assert registry.names() == []
    assert registry.names() == []
    assert len(tries) == 2
