"""A Unity Catalog over a folder of Delta tables and a state in memory, and callers of it."""

from pathlib import Path

import pytest

from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.unity import Places, UnityCatalog, open_unity_catalog
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.memory import MemoryControlState

ROOT = Caller("root", ("all-apis",), is_admin=True)
ANN = Caller("ann", ("all-apis",), is_admin=False)


@pytest.fixture
def unity(tmp_path: Path) -> UnityCatalog:
    home, state = tmp_path / "höme", MemoryControlState()
    lake = DeltaLake(str(home / "lakehouse"))
    places = Places(str(home / "lakehouse"), str(home))
    return open_unity_catalog(state, lake, MemoryRegistry(), places, "root")
