"""A lake with readings, a registry and a starter to train the toy model with."""

from pathlib import Path

import pytest

from quikapp_ml.stores.lake.memory import MemoryLake
from support.toy_model import READINGS, WatchedRegistry, readings, save_starter


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake()
    lake.ensure(READINGS)
    lake.append(READINGS.name, readings(50))
    return lake


@pytest.fixture
def registry() -> WatchedRegistry:
    return WatchedRegistry()


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    return save_starter(tmp_path / "starter")
