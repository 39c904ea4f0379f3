"""Erasure of a person from one home: from the tables, and from the state that answers are computed from."""

import logging
from contextlib import closing

from quikapp_ml.bootstrap import open_service
from quikapp_ml.serving.erasure import Erasure
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.state import open_state

logger = logging.getLogger(__name__)


def run(settings: Settings, user_id: str) -> dict[str, int]:
    """Take the person out, and return how many rows of each table went or were changed.

    Raises HomeInUse while the service runs: it holds the person in memory. The next start makes its state again from
    the tables. Cut off at any moment, it is made whole by running it again.
    """
    _bring_to_the_tables(settings)
    home = Home(settings.home)
    home.lock()
    try:
        changed = Erasure(open_lake(settings.lake_path), user_id).run()
        with closing(open_online_store(settings.online_url)) as online:
            online.clear()
        changed.update(_erase_from_state(settings, user_id))
    finally:
        home.unlock()
    logger.info("a person was erased from %d tables", len(changed))
    return changed


def _erase_from_state(settings: Settings, user_id: str) -> dict[str, int]:
    with closing(open_state(settings.control_state_url)) as state:
        gone = {
            "review queue": state.moderation.reviews.erase(user_id),
            "corrections": state.moderation.corrections.erase(user_id),
            "experiments": state.experiments.erase(user_id),
        }
    return {name: count for name, count in gone.items() if count}


def _bring_to_the_tables(settings: Settings) -> None:
    """What was accepted and waits in the spool is in the tables before they are searched."""
    service = open_service(settings)
    try:
        service.start_intake()
        service.spool.sync()
        service.lake_writer.flush()
    finally:
        service.close()
