"""A person who was erased is in no table, no document of the online store, and no answer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.errors import HomeInUse
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.jobs import erasure
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.training.silver import build_silver

SAMPLE = SampleConfig(users=20, days=5, until=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


def opened(settings: Settings) -> Service:
    service = open_service(settings)
    service.start_intake()
    return service


def test_nothing_is_left_of_the_person_and_the_others_stay(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "memory://"}
    )
    service = opened(settings)
    deliver(generate(SAMPLE), intake_sink(service.intake))
    everybody = sorted(service.workspace.people)
    gone = max(everybody, key=lambda person: service.features.values("user_activity", (person,), 0.0)[0])
    for person in everybody:
        service.recommendations.recommend(RecommendationQuestion(user_id=person, limit=50))
    with pytest.raises(HomeInUse):
        erasure.run(settings, gone)
    service.close()
    lake = open_lake(settings.lake_path)
    compute = open_compute()
    build_silver(lake, compute, datetime.now(UTC))
    compute.close()
    whole = lake.read("quikapp_ml.bronze.events").num_rows

    changed = erasure.run(settings, gone)

    assert 0 < lake.read("quikapp_ml.bronze.events").num_rows < whole
    assert {"quikapp_ml.bronze.decisions", "quikapp_ml.features.user_activity"} <= set(changed)
    for name in lake.names():
        named = [row for row in lake.read(name).to_pylist() if gone in [part for part in row.values() if part]]
        assert not named, name
        assert f'"{gone}"' not in str(lake.read(name).to_pylist()), name
    again = opened(settings)
    assert sorted(again.workspace.people) == [person for person in everybody if person != gone]
    for namespace in (*again.workspace.NAMESPACES, *again.features.NAMESPACES):
        for key, document in again.online.items(namespace):
            assert gone not in key.split("\t"), namespace
            assert f'"{gone}"'.encode() not in document, (namespace, key)
    offered = [
        item.item_id
        for person in again.workspace.people
        for item in again.recommendations.recommend(RecommendationQuestion(user_id=person, limit=50)).recommendations
    ]
    assert offered
    assert gone not in offered
    again.close()
