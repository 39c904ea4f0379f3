"""The online store can be lost: it is made again from the tables at the next start."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from quikapp_ml.bootstrap import DEFINITIONS, Service, open_service
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.settings import Settings
from quikapp_ml.stores.online import open_online_store

TABLE = FeatureTable(
    "quikapp_ml.features.people", ("user_id",), version=1,
    columns=pa.schema([("user_id", pa.string()), ("n", pa.int64())]),
)  # fmt: skip
SAMPLE = SampleConfig(users=20, days=5, until=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


def _recommended(service: Service, user_id: str) -> list[str]:
    answer = service.recommendations.recommend(RecommendationQuestion(user_id=user_id, limit=20))
    return [item.item_id for item in answer.recommendations]


def test_answers_and_known_ids_are_the_same_after_the_loss(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "memory://"}
    )
    service = open_service(settings)
    service.start_intake()
    taken = deliver(generate(SAMPLE), intake_sink(service.intake))
    people = sorted(service.workspace.people)[:5]
    before = {person: _recommended(service, person) for person in people}
    service.close()
    for lost in (tmp_path / "home").glob("online.db*"):
        lost.unlink()

    again = open_service(settings)
    again.start_intake()

    assert {person: _recommended(again, person) for person in people} == before
    repeated = deliver(generate(SAMPLE), intake_sink(again.intake))
    assert (repeated.accepted, repeated.duplicates) == (0, taken.accepted)
    again.close()


def test_views_that_have_changed_are_counted_again_from_the_tables(tmp_path: Path) -> None:
    """What a release before left in the store was counted by other definitions, under other names."""
    settings = Settings.from_environment(
        {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "memory://"}
    )
    service = open_service(settings)
    service.start_intake()
    deliver(generate(SAMPLE), intake_sink(service.intake))
    people = [(person,) for person in sorted(service.workspace.people)]
    before = service.features.matrix("user_activity", people, 2e9)
    renamed = next(name for name in service.features.NAMESPACES if name.startswith("features.user_activity."))
    service.close()
    with closing(open_online_store(settings.online_url)) as online:
        old = dict.fromkeys(key for key, _ in online.items(renamed))
        assert old
        online.write({renamed: old, DEFINITIONS: {renamed: None}})
        publish(TABLE, pa.table({"user_id": ["U1"], "n": [7]}), online, datetime.now(UTC), overwrite=False)

    again = open_service(settings)
    again.start_intake()

    np.testing.assert_array_equal(again.features.matrix("user_activity", people, 2e9), before)
    (published,) = again.online_features.of_table(TABLE.name, [{"user_id": "U1"}], None).entities
    assert published.values == {"n": 7}, "what is published does not depend on the views"
    again.close()
