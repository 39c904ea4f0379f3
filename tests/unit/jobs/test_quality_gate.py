from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import JobFailed
from quikapp_ml.jobs.quality_gate import run
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.tables import SPAM_LABELS
from quikapp_ml.training.quality_records import QUALITY_RESULTS, QUARANTINE

LABEL = {"message_id": "m1", "channel_id": "c1", "content": "hi", "label": "ham", "source": "drawn",
         "labelled_at": datetime(2026, 11, 1, tzinfo=UTC)}  # fmt: skip


def settings_with(home: Path, *labels: dict[str, object]) -> Settings:
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(home)})
    lake = open_lake(settings.lake_path)
    lake.ensure(SPAM_LABELS)
    lake.append(SPAM_LABELS.name, pa.Table.from_pylist(list(labels), schema=SPAM_LABELS.columns))
    return settings


def test_without_tables_there_is_nothing_to_object_to(tmp_path: Path) -> None:
    assert run(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)})) == []


def test_odd_labels_go_to_quarantine_and_the_night_goes_on(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, LABEL, {**LABEL, "message_id": "m2", "label": "egg"})
    run(settings)
    lake = open_lake(settings.lake_path)
    assert lake.read(SPAM_LABELS.name)["message_id"].to_pylist() == ["m1"]
    assert lake.read(QUARANTINE.name)["reason"].to_pylist() == ["label is one of spam, ham"]
    assert 2 * len(run(settings)) == lake.read(QUALITY_RESULTS.name).num_rows


def test_a_key_given_twice_stops_the_night_and_says_where(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, LABEL, LABEL)
    with pytest.raises(
        JobFailed, match=r"spam_labels version 1: channel_id, message_id is unique, but for 1 of 2 rows"
    ):
        run(settings)
    assert "failed" in open_lake(settings.lake_path).read(QUALITY_RESULTS.name)["status"].to_pylist()
