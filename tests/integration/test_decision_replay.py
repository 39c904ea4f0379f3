"""Decisions of the whole service run again, after its models were promoted and a person was erased.

`benchmarks/decision_replay.py` does the same with a run of the pipeline, a thousand times.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.bootstrap import Service, open_service, starter_folders
from quikapp_ml.entities.questions import (
    RankItem,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.importers.delivery import deliver, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.serving.erasure import Erasure
from quikapp_ml.serving.invocations import Invocation
from quikapp_ml.serving.ledger_archive import DecisionArchive
from quikapp_ml.serving.replay import Outcome, Replayer
from quikapp_ml.serving.replay_models import PinnedModels
from quikapp_ml.serving.replay_now import PresentFeatures
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import CHAMPION, NewVersion
from support.server import Server

KINDS = {"recommendations", "rank", "spam-check", "sentiment", "invocation"}
WORDS = ("release", "lunch", "free", "WINNER!!!", "great", "angry", "https://a.example/b", "offer")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    given = {"QUIKAPP_ML_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false"}
    service = open_service(Settings.from_environment(given))
    service.start()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    deliver(generate(SampleConfig(users=20, days=5, until=midnight)), intake_sink(service.intake))
    yield service
    service.close()


def waited(service: Service) -> None:
    ends = time.monotonic() + 30
    while len(service.registry.names()) < len(MODEL_CLASSES) and time.monotonic() < ends:
        time.sleep(0.05)
    service.endpoints.create("mine", WantedConfig([WantedEntity("content-ranker", 1)]), "ann", {}, "")
    while service.endpoints.get("mine").active is None and time.monotonic() < ends:
        time.sleep(0.05)


def ask_everything(service: Service, rng: random.Random) -> None:
    person = rng.choice(sorted(service.workspace.people))
    channel = rng.choice(sorted(service.workspace.channels))
    text = " ".join(rng.choices(WORDS, k=12))
    known = [message.message_id for message in service.workspace.recent_messages(channel, 10)]
    items = [RankItem(item_id=one, channel_id=channel) for one in known] + [RankItem(item_id="x", content=text)]
    explain = rng.random() < 0.5
    service.recommendations.recommend(
        RecommendationQuestion(
            user_id=person, context={"channel_id": channel}, limit=rng.randint(1, 60), explain=explain
        )
    )
    service.ranking.rank(RankQuestion(user_id=person, items=items, query=rng.choice((None, "lunch")), explain=explain))
    metadata = {"ip_address": "203.0.113.7", "channel_id": channel}
    service.spam.check(SpamQuestion(content=text, user_id=person, metadata=metadata))
    service.sentiment.read(SentimentQuestion(messages=[SentimentMessage(id="m", content=text)]))
    record = {name: rng.random() for name in MODEL_CLASSES["content-ranker"].inputs}
    body = orjson.dumps({"dataframe_records": [record]})
    for endpoint in ("quikapp-content-ranker", "mine"):
        invocation = Invocation.read(body, "application/json")
        asyncio.run(service.endpoints.invoke(endpoint, invocation, f"r{rng.random()}"))


def promote(service: Service, folder: Path) -> None:
    """Every model gets another version, which says something else."""
    swaps = service.models.swaps
    for name, model_class in MODEL_CLASSES.items():
        model = model_class.load(starter_folders()[name])
        arrays = {key: value * 1.25 if value.dtype.kind == "f" else value for key, value in model.arrays().items()}
        saved = folder / name
        model_class.from_parts(arrays, model.facts()).save(saved)
        (saved / "card.md").write_text("# another\n")
        where = f"{model_class.__module__}:{model_class.__name__}"
        made = service.registry.register(NewVersion(name, saved, where, "99.0.0"))
        service.registry.set_alias(name, CHAMPION, made.number)
    service.models.refresh()
    assert service.models.swaps - swaps >= len(MODEL_CLASSES)  # some of them by the host's own look meanwhile


def test_every_decision_comes_out_the_same(service: Service, tmp_path: Path) -> None:
    waited(service)
    rng = random.Random(8)
    for _ in range(8):
        ask_everything(service, rng)
    promote(service, tmp_path / "made")
    for _ in range(8):
        ask_everything(service, rng)
    service.spool.sync()
    service.lake_writer.flush()
    with PinnedModels(service.registry, starter_folders(), MODEL_CLASSES) as models:
        archive, replayer = DecisionArchive(service.lake), Replayer(models)
        rows = archive.sample(1000, seed=1)
        assert {row.kind for row in rows} == KINDS
        assert len(rows) == 16 * 6
        assert {row.model.version for row in rows if row.kind == "rank"} > {"99.0.0"}
        replayed = [replayer.replay(row) for row in rows]
        assert [each for each in replayed if each.outcome != Outcome.EQUAL] == []
        changed = [replayer.replay(row, CHAMPION) for row in rows if row.model.version not in ("99.0.0", "1")]
        assert Outcome.DIFFERENT in {each.outcome for each in changed}
        now = Replayer(models, PresentFeatures(service.workspace, service.features, time.time))
        for made in ([replayer.replay(row, CHAMPION) for row in rows], [now.replay(row) for row in rows]):
            assert {each.kind for each in made} == KINDS
            assert {each.outcome for each in made} <= {Outcome.EQUAL, Outcome.DIFFERENT}

        gone = next(row.user_id for row in rows if row.kind == "recommendations")
        Erasure(service.lake, str(gone)).run()
        after = [replayer.replay(row) for row in archive.sample(1000, seed=1)]
        assert {each.outcome for each in after} == {Outcome.EQUAL, Outcome.ERASED}
        assert all(each.is_explained for each in after)


def test_a_decision_is_explained_at_once(service: Service) -> None:
    with Server(create_app(service)).running() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        person = sorted(service.workspace.people)[0]
        given = client.post("/api/ml/recommendations", json={"user_id": person}).json()
        told = client.get(f"/api/ml/decisions/{given['decision_id']}").json()
        assert told["question"]["user_id"] == person
        assert [one["item_id"] for one in told["answer"]["recommendations"]] == [
            one["item_id"] for one in given["recommendations"]
        ]
        assert told["candidates"]
