"""Starters for recommendation and ranking, learnt from sample workspaces and measured on one that was held out.

Real chats, where they lie beside the checkout, are measured, too. Nothing is learnt from them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.importers.slack import read_export
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import ItemSimilarity, RecommendationModel
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.training import ranking, recommendation
from quikapp_ml.training.starters import Starter

LEARNT_SEEDS = (11, 12)
HELD_OUT_SEED = 13
COMMUNITY_MESSAGES = 150_000
"""The last ones of the file: so many take two minutes."""
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)

Log = Callable[[], Iterable[Event]]


def make_recommendation_starter(data: Path) -> Starter:
    """recommendation-v2 without a similarity of channels: that belongs to one workspace."""
    recipe, model = recommendation.RecommendationRecipe(), RecommendationModel.prior()
    for seed in LEARNT_SEEDS:
        model = recipe.fit(recommendation.examples_of(sample_log(seed)), model)
    model = RecommendationModel(model.heads_, ItemSimilarity.empty())
    metrics: dict[str, float] = {}
    for name, log in judging_logs(data).items():
        measured = recipe.evaluate(model, recommendation.examples_of(log))
        metrics.update({f"{name}{measure}": value for measure, value in measured.items()})
    return Starter(model, "3.1.0", CHAMPION, metrics)


def make_ranking_starter(data: Path) -> Starter:
    """content-ranker."""
    recipe, model = ranking.RankingRecipe(), ContentRanker.prior()
    for seed in LEARNT_SEEDS:
        model = recipe.fit(ranking.examples_of(sample_log(seed)), model)
    metrics: dict[str, float] = {}
    for name, log in judging_logs(data).items():
        measured = recipe.evaluate(model, ranking.examples_of(log))
        metrics.update({f"{name}{measure}": value for measure, value in measured.items()})
    return Starter(model, "1.0.0", CHALLENGER, metrics)


def judging_logs(data: Path) -> dict[str, Log]:
    """What the starters are measured on, by the prefix of the measures; real chats only where they are at hand."""
    logs: dict[str, Log] = {"": sample_log(HELD_OUT_SEED)}
    export, community = data / "chat" / "slack_export.zip", data / "chat" / "community_chat_events.parquet"
    if export.exists():
        logs["slack_export_"] = lambda: parsed(read_export(export))
    if community.exists():
        logs["community_chat_"] = lambda: parsed(community_events(community))
    return logs


def sample_log(seed: int) -> Log:
    """A sample workspace of 200 people and 45 days."""
    return lambda: parsed(generate(SampleConfig(seed=seed)))


def parsed(given: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
    """Events from their JSON form."""
    return (parse_event(event, now=_LATEST) for event in given)


def community_events(path: Path) -> Iterator[dict[str, Any]]:
    """The last messages of the community chat; its channels, all public, are opened just before."""
    table = pq.read_table(path).sort_by([("unix_seconds", "ascending"), ("message_id", "ascending")])
    rows = table.slice(max(0, table.num_rows - COMMUNITY_MESSAGES)).to_pylist()
    opened = datetime.fromtimestamp(rows[0]["unix_seconds"], UTC) - timedelta(seconds=1)
    for channel in sorted({row["channel"] for row in rows}):
        fields = {"type": "channel_created", "channel_id": channel, "name": channel, "user_id": "founder"}
        yield {"event_id": f"open-{channel}", "event_time": opened.isoformat(), **fields}
    first: dict[tuple[str, str], str] = {}
    for row in rows:
        message_id = str(row["message_id"])
        yield {
            "event_id": message_id,
            "type": "message",
            "event_time": datetime.fromtimestamp(row["unix_seconds"], UTC).isoformat(),
            "user_id": row["user_id"],
            "channel_id": row["channel"],
            "message_id": message_id,
            "thread_id": first.setdefault((row["channel"], row["thread_id"]), message_id),
        }
