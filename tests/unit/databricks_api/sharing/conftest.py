from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sharing import House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "a lake with ünusual name") as house:
        yield house
