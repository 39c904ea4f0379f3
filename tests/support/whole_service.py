"""The whole service in this process, with models in memory and tables that are written at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.settings import Settings

PATIENCE_SECONDS = 30


@contextmanager
def started(home: Path) -> Iterator[Service]:
    """A service at work on the home, without its schedules."""
    given = {
        "QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://",
        "QUIKAPP_ML_RUN_SCHEDULES": "false", "QUIKAPP_ML_LAKE_FLUSH_SECONDS": "0.2",
    }  # fmt: skip
    service = open_service(Settings.from_environment(given))
    try:
        service.start()
        yield service
    finally:
        service.close()


def settled(service: Service) -> None:
    """Wait until all that was said is in the tables."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while service.spool.pending_bytes and time.monotonic() < ends:
        time.sleep(0.1)
