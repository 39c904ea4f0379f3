"""Task `user_embeddings` of the nightly pipeline: a vector for everybody, by the champion of `user-embeddings`."""

import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.models.embeddings import UserEmbeddings
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.registry.base import CHAMPION, ModelRegistry
from quikapp_ml.training.pinned import PinnedLake
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS, add_vectors, used_now, vectors

logger = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Write the vectors, and return how many people have one now; 0 while no version of the model is the champion."""
    return embed_everybody(open_model_registry(settings), open_lake(settings.lake_path), settings.home / "work")


def embed_everybody(registry: ModelRegistry, lake: Lake, work: Path) -> int:
    """Embed everybody by their channels of now. The same version on the same events writes nothing twice."""
    lake.ensure(EVENTS)
    lake.ensure(USER_EMBEDDINGS)
    champion = registry.by_alias(UserEmbeddings.name, CHAMPION)
    if champion is None:
        logger.warning("no version of %s is the champion: nobody is embedded", UserEmbeddings.name)
        return 0
    pinned = PinnedLake(lake, [EVENTS.name])
    as_of = datetime.now(UTC)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work, prefix="embeddings-") as folder:
        model = UserEmbeddings.load(registry.fetch(champion.name, champion.number, Path(folder) / "model"))
    rows = vectors(model, used_now(ordered_events(pinned, texts=False)), as_of, known_at=datetime.now(UTC))
    once = Transaction(f"user_embeddings/{champion.number}", pinned.versions[EVENTS.name])
    version = add_vectors(lake, rows, once)
    logger.info("%s: %d people by version %d, table version %d", USER_EMBEDDINGS.name, rows.num_rows, champion.number,
                version)  # fmt: skip
    return len(rows)
