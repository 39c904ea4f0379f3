"""Task `feature_engineering` of the nightly pipeline: silver tables, feature tables and labels from the events."""

import logging
from datetime import UTC, datetime

from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.silver import build_silver

logger = logging.getLogger(__name__)


def run(settings: Settings, *, full: bool = False) -> None:
    """Bring all tables up to date with the events that have reached the lake; with `full`, make them anew."""
    lake = open_lake(settings.lake_path)
    compute = open_compute(settings.spark_remote)
    try:
        versions = build_silver(lake, compute, as_of=datetime.now(UTC), full=full)
    finally:
        compute.close()
    n_events = lake.size(EVENTS.name).rows
    if n_events:
        logger.info("made %d tables from %d events", len(versions) - 1, n_events)
    else:
        logger.warning("there are no events in %s yet: the tables are empty", EVENTS.name)
