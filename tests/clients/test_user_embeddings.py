"""The table of vectors as a Spark data frame and as a recipient reads it: what the job wrote, by the names promised."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quikapp_ml.entities.events import parse_event
from quikapp_ml.feature_store.client import FeatureStoreClient
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.jobs.user_embeddings import embed_everybody
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.training.embeddings import EmbeddingsRecipe
from quikapp_ml.training.promotion import promote
from quikapp_ml.training.trainer import train
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS
from support.chats import LATEST
from support.logs import LOG_END, table_of
from support.running import quikapp_ml, start

SHARED_AS = "ml_features.user_embeddings"
READER = Path(__file__).parent / "scripts" / "delta_sharing_reader.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose model was trained, has passed the gate, and has embedded everybody."""
    home = tmp_path_factory.mktemp("embedded") / "home"
    lake, registry = DeltaLake(str(home / "lakehouse")), MemoryRegistry()
    lake.ensure(EVENTS)
    sample = generate(SampleConfig(users=100, days=30, seed=1))
    lake.append(EVENTS.name, table_of(parse_event(event, now=LATEST) for event in sample))
    train(EmbeddingsRecipe(), lake, registry, None, home / "work")
    decision = promote("user-embeddings", registry, lake, LOG_END)
    assert decision is not None
    assert decision.promoted, decision.reason
    assert embed_everybody(registry, lake, home / "work") > 80
    return home


def read(profile: Path, table: str) -> list[dict[str, Any]]:
    """All rows, by the official client."""
    command = [sys.executable, "-W", "ignore", str(READER), str(profile), "load_as_pandas", table, "{}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.rpartition("answer: ")[2])
    return rows


def test_it_is_a_spark_data_frame_of_the_feature_store(home: Path) -> None:
    fs = FeatureStoreClient(DeltaLake(str(home / "lakehouse")))
    try:
        frame = fs.read_table(USER_EMBEDDINGS.name)
        assert frame.dtypes[:3] == [
            ("user_id", "string"), ("embedding", "array<double>"), ("last_updated", "timestamp"),
        ]  # fmt: skip
        vectors = np.array([row["embedding"] for row in frame.collect()])
    finally:
        fs.close()
    assert vectors.shape[1] == 32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_a_recipient_reads_it_by_the_name_that_was_promised(home: Path) -> None:
    running = start(home, "serve", QUIKAPP_ML_RUN_SCHEDULES="false")
    try:
        profile = home.parent / "acme.share"
        for arguments in (
            ("shares", "create", "quikapp"),
            ("shares", "add-table", "quikapp", USER_EMBEDDINGS.name, "--as", SHARED_AS),
            ("recipients", "create", "acme", "--output", str(profile)),
            ("shares", "grant", "quikapp", "acme"),
        ):
            done = quikapp_ml(home, *arguments)
            assert done.returncode == 0, done.stderr
        rows = read(profile, f"quikapp.{SHARED_AS}")
    finally:
        running.stop()
    written = DeltaLake(str(home / "lakehouse")).read(USER_EMBEDDINGS.name).to_pylist()
    received = {row["user_id"]: row["embedding"] for row in rows}
    assert received.keys() == {row["user_id"] for row in written}
    for row in written:  # the reader's JSON has ten digits
        assert received[row["user_id"]] == pytest.approx(row["embedding"], abs=1e-9)
