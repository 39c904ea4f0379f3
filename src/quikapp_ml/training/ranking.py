"""How content-ranker is made: at each answer or reaction, the conversations that the person could have turned to."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import numpy as np

from quikapp_ml.entities.events import Event, Message
from quikapp_ml.entities.questions import RankItem
from quikapp_ml.features.candidates import conversation_candidates
from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.frame import Floats
from quikapp_ml.features.ranked_items import item_features
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.models.ranking import RANKING_PRIOR, ContentRanker
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.boosted import fit_ranking_head
from quikapp_ml.training.choices import Choices, ChoicesBuilder, mean_with_interval, ndcg_of_questions
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.slices import gain_by_slice, has_few_candidates
from quikapp_ml.training.turns import Turn, conversation_of, replay, sampled, turns_in

MAX_QUESTIONS = 4_000
MIN_QUESTIONS = 50
BASELINES: Mapping[str, tuple[str, ...]] = {"popular": ("replies", "reactions"), "recency": ("newest_first",)}


class RankingRecipe(Recipe[ContentRanker, Choices]):
    """Labels: the message or thread that a person answered or reacted to, among those in reach at that moment.

    Nobody searches in a log of events, so what a matching word is worth stays as the previous version has it.
    """

    model_class: ClassVar[type[ContentRanker]] = ContentRanker
    metric: ClassVar[str] = "ndcg_at_10"
    tables: ClassVar[tuple[str, ...]] = (EVENTS.name,)

    def examples(self, lake: Lake) -> Choices:
        """Replay the log twice: once to find the choices, once to see each through the eyes of who chose."""
        return examples_of(lambda: ordered_events(lake))

    def split(self, examples: Choices) -> tuple[Choices, Choices]:
        """Choices before and after the moment at which four fifths of them were made."""
        return examples.split_at(float(sorted(examples.at)[int(0.8 * examples.n_questions)]))

    def fit(self, examples: Choices, previous: ContentRanker) -> ContentRanker:
        """A head near the previous one, with trees where they help."""
        return ContentRanker(fit_ranking_head(examples, previous.head_, RANKING_PRIOR))

    def evaluate(self, model: ContentRanker, examples: Choices) -> dict[str, float]:
        """NDCG@10 of the chosen conversation, beside popularity and recency."""
        gains = _gains(model, examples)
        mean, low, high = mean_with_interval({"message": gains}, {"message": examples.asker})
        measures = {self.metric: mean, f"{self.metric}_low": low, f"{self.metric}_high": high}
        for name, columns in BASELINES.items():
            measures[f"baseline_{name}"] = float(ndcg_of_questions(examples, examples.sum_of(columns)).mean())
        measures["questions"] = float(examples.n_questions)
        return measures

    def compare(self, candidate: ContentRanker, previous: ContentRanker, examples: Choices) -> dict[str, float]:
        """The gain in NDCG@10: of all, of few and of many candidates, of strangers to all places, and of the others."""
        is_few = has_few_candidates(examples)
        n_at_home = np.bincount(examples.question, examples.column("membership"), examples.n_questions)
        slices = {"few": is_few, "many": ~is_few, "new": n_at_home == 0, "seasoned": n_at_home > 0}
        gains = {"message": _gains(candidate, examples) - _gains(previous, examples)}
        by_kind = {name: {"message": flags} for name, flags in slices.items()}
        return gain_by_slice(gains, {"message": examples.asker}, by_kind)


def _gains(model: ContentRanker, examples: Choices) -> Floats:
    return ndcg_of_questions(examples, model.score(examples.names, examples.features))


def examples_of(events: Callable[[], Iterable[Event]]) -> Choices:
    """Choices from a log that can be read twice in its order. Raises NotEnoughData."""
    turns = [turn for turn in turns_in(events()) if turn.kind == "message"]
    if len(turns) < MIN_QUESTIONS:
        raise NotEnoughData(
            f"the events show {len(turns)} answers or reactions after their first day; needed are {MIN_QUESTIONS}"
        )
    kept = frozenset(sampled(turns, MAX_QUESTIONS))
    builder = ChoicesBuilder()
    numbers: dict[str, int] = {}
    naming: dict[tuple[str, str], str] = {}
    for moment in replay(events()):
        for turn in moment.turns:
            if turn in kept:
                view = Viewpoint(moment.workspace, moment.features, turn.user_id, turn.at)
                _ask(builder, turn, view, naming, numbers.setdefault(turn.user_id, len(numbers)))
        event = moment.event
        if isinstance(event, Message) and event.content and "<@" in event.content:
            naming[event.channel_id, event.message_id] = event.content
    return builder.build()


def _ask(
    builder: ChoicesBuilder, turn: Turn, view: Viewpoint, naming: Mapping[tuple[str, str], str], asker: int
) -> None:
    found = conversation_candidates(view)
    chosen = conversation_of(turn, found)
    if chosen is None or len(found) < 2:
        return
    items = {one.message.message_id: _item(one, naming) for one in found}
    if len(items) < len(found):  # the same message id in two channels: a client could not tell them apart
        return
    frame = item_features(view, list(items.values()), None)
    builder.add(frame.names, frame.values, chosen, turn.at, asker)


def _item(one: Conversation, naming: Mapping[tuple[str, str], str]) -> RankItem:
    message_id = one.message.message_id
    return RankItem(item_id=message_id, channel_id=one.channel_id, content=naming.get((one.channel_id, message_id)))
