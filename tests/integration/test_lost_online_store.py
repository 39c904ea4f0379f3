"""The online store can be lost: it is made again from the tables at the next start."""

from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.settings import Settings

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
