"""The job: the champion embeds everybody, the same version on the same events adds nothing."""

from pathlib import Path

import numpy as np
import pytest

from quikapp_ml.jobs.user_embeddings import embed_everybody, run
from quikapp_ml.models.embeddings import N_DIMENSIONS, UserEmbeddings
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.registry.base import CARD_FILE, CHAMPION, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS
from support.chats import Chat
from support.logs import table_of


@pytest.fixture
def lake() -> MemoryLake:
    chat = Chat()
    chat.people("ann", "bob")
    chat.channel("open", "ann", "bob")
    chat.channel("secret", "ann", is_private=True)
    lake = MemoryLake()
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, table_of(chat.log))
    return lake


def registry_with(champions: int, folder: Path) -> MemoryRegistry:
    UserEmbeddings(("open",), np.eye(1, N_DIMENSIONS), np.array([2]), np.zeros(N_DIMENSIONS)).save(folder)
    (folder / CARD_FILE).write_text("# user-embeddings\n")
    registry = MemoryRegistry()
    for _ in range(champions):
        model_class = f"{UserEmbeddings.__module__}:{UserEmbeddings.__qualname__}"
        version = registry.register(NewVersion(UserEmbeddings.name, folder, model_class, "1.0.0"))
        registry.set_alias(UserEmbeddings.name, CHAMPION, version.number)
    return registry


def test_everybody_in_a_public_channel_is_embedded_once_a_version(lake: MemoryLake, tmp_path: Path) -> None:
    registry = registry_with(1, tmp_path / "model")
    for _ in range(2):
        assert embed_everybody(registry, lake, tmp_path / "work") == 2
    rows = lake.read(USER_EMBEDDINGS.name).to_pylist()
    assert sorted(row["user_id"] for row in rows) == ["ann", "bob"]
    assert all(row["last_updated"] <= row["ingest_time"] for row in rows)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_new_champion_embeds_them_anew(lake: MemoryLake, tmp_path: Path) -> None:
    embed_everybody(registry_with(1, tmp_path / "model"), lake, tmp_path / "work")
    embed_everybody(registry_with(2, tmp_path / "model"), lake, tmp_path / "work")
    assert lake.read(USER_EMBEDDINGS.name).num_rows == 4


def test_without_a_champion_the_table_is_there_and_empty(
    lake: MemoryLake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert embed_everybody(registry_with(0, tmp_path / "model"), lake, tmp_path / "work") == 0
    assert lake.read(USER_EMBEDDINGS.name).num_rows == 0
    assert "no version of user-embeddings is the champion" in caplog.text


def test_an_empty_home_is_no_error(tmp_path: Path) -> None:
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "memory://"})
    assert run(settings) == 0
