from datetime import UTC, datetime
from typing import Any

import pytest

from quikapp_ml.importers.sample import SampleConfig, generate

CONFIG = SampleConfig(users=120, days=28, seed=11, until=datetime(2026, 4, 6, tzinfo=UTC))


@pytest.fixture(scope="session")
def events() -> list[dict[str, Any]]:
    """Four weeks of a hundred and twenty people."""
    return list(generate(CONFIG))
