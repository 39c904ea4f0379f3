from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli import app
from quikapp_ml.errors import NotFound
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.services import FeatureService
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.registry.base import NewVersion

NAME = "quikapp_ml.features.people"
COLUMNS = pa.schema([("id", pa.string()), ("n", pa.int64())])
VIEW_TABLE = "quikapp_ml.features.user_activity"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return Settings.from_environment()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["features", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_table_is_published_and_again_without_a_write(settings: Settings) -> None:
    lake = open_lake(settings.lake_path)
    lake.ensure(FeatureTable(NAME, ("id",), columns=COLUMNS).declared())
    lake.merge(NAME, pa.Table.from_pylist([{"id": "a", "n": 1}, {"id": "b", "n": 2}], schema=COLUMNS), ("id",))
    assert "entities written: 2" in run("publish", NAME)
    lake.merge(NAME, pa.Table.from_pylist([{"id": "b", "n": 3}], schema=COLUMNS), ("id",))
    assert "entities written: 1" in run("publish", NAME)
    assert "entities written: 0" in run("publish", NAME, "--overwrite")


def test_lineage_shows_both_directions(settings: Settings, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "card.md").write_text("A model.")
    registry, kind = open_model_registry(settings), "quikapp_ml.models.ranking:ContentRanker"
    tags = FeatureService("my_ranking", {NAME: ("n",), "user_activity": ("message_count",)}).tags()
    versions = {VIEW_TABLE: 7, NAME: 3}
    registry.register(NewVersion("ranker", model, kind, "1.0.0", table_versions=versions, tags=tags))
    registry.register(NewVersion("sentiment-bert", model, kind, "1.0.0"))
    shown = run("lineage", "user_activity")
    for words in (("user_activity", "message_count", "my_ranking", "ranker 1"), (VIEW_TABLE, " 7 ", "ranker 1")):
        assert any(all(word in line for word in words) for line in shown.splitlines()), shown
    assert NAME not in shown
    assert [word in run("lineage", VIEW_TABLE) for word in (" 7 ", "message_count")] == [True, False]
    assert all(word in run("lineage", "ranker") for word in (VIEW_TABLE, NAME, " 3 ", "my_ranking", "user_activity"))
    assert all(word in run("lineage", "sentiment-bert") for word in ("sentiment-bert 1", " sentiment "))
    assert "no model version reads or learnt from message_activity" in run("lineage", "message_activity")
    with pytest.raises(NotFound, match="no table, feature view or model 'moods'"):
        run("lineage", "moods")


def test_the_list_has_every_view_and_the_vectors_of_people(settings: Settings) -> None:
    listed = run("list")
    assert all(view.name in listed for view in FEATURE_VIEWS)
    assert "user_embeddings" in listed
