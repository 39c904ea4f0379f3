"""The recipe on a small sample workspace: point in time, beats its baselines there, and says when data are too few."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import numpy as np
import orjson
import pyarrow as pa
import pytest

from quikapp_ml.entities.events import Event, event_row, parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.recipe import NotEnoughData
from quikapp_ml.training.recommendation import (
    RecommendationExamples,
    RecommendationRecipe,
    examples_of,
)
from quikapp_ml.training.turns import WARM_UP_SECONDS
from support.chats import LATEST, Chat, office

RECIPE = RecommendationRecipe()


@cache
def log() -> tuple[Event, ...]:
    return tuple(parse_event(event, now=LATEST) for event in generate(SampleConfig(users=60, days=21)))


@cache
def examples() -> RecommendationExamples:
    return examples_of(lambda: log())


def test_every_choice_has_one_chosen_item_and_features_as_they_were() -> None:
    for choices in examples().choices.values():
        assert choices.n_questions > 50
        assert np.bincount(choices.question, choices.chosen).tolist() == [1.0] * choices.n_questions
        assert (np.diff(choices.at) >= 0).all()
        assert (choices.at >= log()[0].unix_seconds + WARM_UP_SECONDS).all()
        assert np.isfinite(choices.features).all()
    assert (examples().choices["user"].column("already_in_contact") == 0).all()
    assert len(examples().offered) == len(examples().choices["channel"].chosen)


def test_nothing_of_the_future_changes_what_was_known() -> None:
    """The same choices with the same features come from a log that is cut short after them."""
    cut = log()[: int(len(log()) * 0.7)]
    early = examples_of(lambda: cut)
    for kind, choices in early.choices.items():
        whole = examples().choices[kind].only(examples().choices[kind].at <= cut[-1].unix_seconds)
        assert np.array_equal(whole.at, choices.at)
        assert np.array_equal(whole.features, choices.features)


def test_the_split_is_in_time() -> None:
    early, late = RECIPE.split(examples())
    last = max(choices.at.max() for choices in early.choices.values())
    first = min(choices.at.min() for choices in late.choices.values())
    assert last < first
    assert len(early) + len(late) == len(examples())
    assert len(late) == pytest.approx(len(examples()) / 5, rel=0.1)
    assert early.adoptions.at.max() < first
    assert len(early.offered) + len(late.offered) == len(examples().offered)


def test_the_fitted_model_beats_its_baselines_and_the_version_before() -> None:
    early, late = RECIPE.split(examples())
    before = RecommendationModel.prior()
    model = RECIPE.fit(early, before)
    measures, previous = RECIPE.evaluate(model, late), RECIPE.evaluate(before, late)
    assert measures["ndcg_at_10_low"] <= measures["ndcg_at_10"] <= measures["ndcg_at_10_high"]
    assert measures["ndcg_at_10"] > max(measures["baseline_popular"], measures["baseline_recency"])
    assert measures["ndcg_at_10"] > previous["ndcg_at_10"]
    assert all(np.isfinite(value) for value in measures.values())


def test_the_model_knows_public_channels_only() -> None:
    model = RECIPE.fit(examples(), RecommendationModel.prior())
    private = {getattr(event, "channel_id", "") for event in log() if getattr(event, "is_private", False)}
    assert private
    assert model.similarity_.channel_ids_
    assert not private & set(model.similarity_.channel_ids_)


def test_the_gain_over_the_version_before_is_told_by_slices() -> None:
    early, late = RECIPE.split(examples())
    before = RecommendationModel.prior()
    model = RECIPE.fit(early, before)
    gained = RECIPE.compare(model, before, late)
    by_all = RECIPE.evaluate(model, late)["ndcg_at_10"] - RECIPE.evaluate(before, late)["ndcg_at_10"]
    assert gained["difference"] == pytest.approx(by_all)
    assert gained["difference_low"] < gained["difference"] < gained["difference_high"]
    assert {"difference_in_many", "difference_in_seasoned", "difference_in_new"} <= set(gained)
    assert set(RECIPE.compare(model, model, late).values()) == {0.0}


def test_a_head_without_examples_stays_what_it_was() -> None:
    before = RecommendationModel.prior()
    few = RecommendationExamples(
        {**examples().choices, "user": examples().choices["user"].only(np.arange(len(examples().choices["user"])) < 5)},
        examples().offered,
        examples().adoptions,
    )
    assert RECIPE.fit(few, before).heads_["user"] is before.heads_["user"]


def test_examples_come_from_the_lake_in_the_order_of_time() -> None:
    lake = MemoryLake()
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, _rows(reversed(log())))
    again = RECIPE.examples(lake)
    for kind, choices in examples().choices.items():
        assert np.array_equal(again.choices[kind].features, choices.features)


def test_too_few_choices_are_counted() -> None:
    chat: Chat = office()
    chat.wait(days=2)
    chat.tell("join", "ann", channel_id="craft")
    with pytest.raises(NotEnoughData, match=r"1 first steps into a channel.*needed are 50"):
        examples_of(lambda: chat.log)
    with pytest.raises(NotEnoughData, match="0 first steps"):
        examples_of(list)


def _rows(events: Iterator[Event]) -> pa.Table:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    rows = [orjson.loads(event_row(event, now)) for event in events]
    for row in rows:
        row["event_time"], row["ingest_time"] = (
            datetime.fromisoformat(row[name]) for name in ("event_time", "ingest_time")
        )
    return pa.Table.from_pylist(rows, schema=EVENTS.columns)
