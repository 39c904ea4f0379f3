"""The table of vectors: people of public channels alone, two clocks, no build twice, old builds forgotten."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from quikapp_ml.feature_store.publishing import publish, read_published
from quikapp_ml.feature_store.tables import check_declaration, read_feature_table
from quikapp_ml.models.embeddings import N_DIMENSIONS, UserEmbeddings
from quikapp_ml.serving.erasure import Erasure
from quikapp_ml.stores.lake.base import Transaction
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.training.user_vectors import KEEP, USER_EMBEDDINGS, add_vectors, used_now, vectors
from support.chats import Chat

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)
MODEL = UserEmbeddings(("a", "b"), np.eye(2, N_DIMENSIONS), np.array([1, 4]), np.zeros(N_DIMENSIONS))
ROWS = vectors(MODEL, {"ann": ["a"], "bob": ["a", "b"], "cleo": ["x"]}, NOW, LATER)


def test_a_row_is_somebody_their_vector_and_both_clocks() -> None:
    ann, bob = ROWS.to_pylist()
    assert ann == {"user_id": "ann", "embedding": [1.0] + [0.0] * 31, "last_updated": NOW, "ingest_time": LATER}
    assert bob["embedding"][:2] == pytest.approx([2 / 5**0.5, 1 / 5**0.5])
    assert ROWS.num_rows == 2, "cleo uses no channel that the model knows, and it knows no average"


def test_who_uses_what_now() -> None:
    chat = Chat()
    chat.people("ann", "bob", "gone")
    chat.tell("user_updated", "robot", is_bot=True)
    for channel_id in ("open", "left", "old"):
        chat.channel(channel_id, "ann", "bob", "robot", "gone")
    chat.channel("secret", "ann", is_private=True)
    chat.tell("leave", "ann", channel_id="left")
    chat.tell("channel_archived", "ann", channel_id="old")
    chat.tell("user_updated", "gone", is_deleted=True)
    assert used_now(chat.log) == {"ann": ["open"], "bob": ["left", "open"]}


def test_a_build_is_added_once_and_kept_for_its_time() -> None:
    lake = MemoryLake()
    for number in (1, 1, 2):
        add_vectors(lake, ROWS, Transaction("user_embeddings/1", number))
    assert lake.read(USER_EMBEDDINGS.name).num_rows == 4
    assert (USER_EMBEDDINGS.retention, USER_EMBEDDINGS.retention_column) == (KEEP, "last_updated")


def test_the_newest_vectors_can_be_read_online() -> None:
    lake, online = MemoryLake(), MemoryOnlineStore()
    add_vectors(lake, ROWS, Transaction("user_embeddings/1", 1))
    table = read_feature_table(lake, USER_EMBEDDINGS.name)
    check_declaration(table)
    assert table.features == ("embedding",)
    assert publish(table, lake.read(table.name), online, LATER, overwrite=False) == 2
    ann, nobody = read_published(online, table.name, [{"user_id": "ann"}, {"user_id": "dan"}], ["embedding"], LATER)
    assert (ann.status, ann.values["embedding"][:2], ann.event_time) == ("present", [1.0, 0.0], NOW)
    assert nobody.status == "not_found"


def test_an_erased_person_has_no_vector_left() -> None:
    lake = MemoryLake()
    add_vectors(lake, ROWS, Transaction("user_embeddings/1", 1))
    assert Erasure(lake, "ann").run() == {USER_EMBEDDINGS.name: 1}
    assert lake.read(USER_EMBEDDINGS.name)["user_id"].to_pylist() == ["bob"]
