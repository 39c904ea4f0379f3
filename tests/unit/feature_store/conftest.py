"""One engine for all tests of the feature store; a lake, a registry and an online store for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.feature_store import FeatureStoreClient
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.spark import SparkCompute
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from support.toy_model import WatchedRegistry


@pytest.fixture(scope="package")
def compute() -> Iterator[SparkCompute]:
    engine = SparkCompute()
    yield engine
    engine.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def registry() -> WatchedRegistry:
    return WatchedRegistry()


@pytest.fixture
def online() -> MemoryOnlineStore:
    return MemoryOnlineStore()


@pytest.fixture
def fs(lake: Lake, compute: SparkCompute, registry: WatchedRegistry, online: MemoryOnlineStore) -> FeatureStoreClient:
    return FeatureStoreClient(lake, compute, registry=registry, online=online)
