"""How recommendation-v2 is made: a log replayed, and at each choice what else could have been chosen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from quikapp_ml.entities.decisions import ITEM_TYPES, ItemType
from quikapp_ml.entities.events import Event
from quikapp_ml.features.candidates import channel_candidates, conversation_candidates, person_candidates
from quikapp_ml.features.frame import FeatureFrame, Floats
from quikapp_ml.features.item_features import channel_features, conversation_features, person_features
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.recommendation import PRIORS, ItemSimilarity, RecommendationModel
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.adoptions import Adoptions, AdoptionsBuilder
from quikapp_ml.training.boosted import fit_ranking_head
from quikapp_ml.training.choices import (
    Choices,
    ChoicesBuilder,
    Flags,
    mean_with_interval,
    ndcg_of_questions,
)
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.slices import gain_by_slice, has_few_candidates
from quikapp_ml.training.turns import (
    Moment,
    Turn,
    adopted_channel,
    conversation_of,
    count_by_kind,
    replay,
    sampled,
    turns_in,
)

MAX_QUESTIONS = 2_000
"""Of each kind; so a nightly run stays short in a large workspace."""
MIN_QUESTIONS = 50
MIN_OF_A_KIND = 20
NEW = 3
"""Somebody who has begun to use at most so many channels is new."""
N_BLOCKS = 4
BASELINES: Mapping[str, Mapping[ItemType, tuple[str, ...]]] = {
    "popular": {"channel": ("popularity",), "user": ("activity",), "message": ("replies", "reactions")},
    "recency": {"channel": ("newness",), "user": ("presence",), "message": ("newest_first",)},
}


@dataclass(frozen=True)
class RecommendationExamples:
    """Choices by item type; `offered` (n_rows of the channel choices,) are the ids of the channels in question."""

    choices: Mapping[ItemType, Choices]
    offered: Sequence[str]
    adoptions: Adoptions

    def __len__(self) -> int:
        return sum(len(choices) for choices in self.choices.values())


class RecommendationRecipe(Recipe[RecommendationModel, RecommendationExamples]):
    """Labels: a first join or post in a channel, a first contact with somebody, an answer or reaction to a thread.

    The metric is NDCG@10 of what was chosen among everything that could have been recommended at that moment,
    averaged over the types.
    """

    model_class: ClassVar[type[RecommendationModel]] = RecommendationModel
    metric: ClassVar[str] = "ndcg_at_10"
    tables: ClassVar[tuple[str, ...]] = (EVENTS.name,)

    def examples(self, lake: Lake) -> RecommendationExamples:
        """Replay the log twice: once to find the choices, once to see each through the eyes of who chose."""
        return examples_of(lambda: ordered_events(lake))

    def split(self, examples: RecommendationExamples) -> tuple[RecommendationExamples, RecommendationExamples]:
        """Choices before and after the moment at which four fifths of them were made."""
        moment = float(np.quantile(np.concatenate([one.at for one in examples.choices.values()]), 0.8))
        halves = {kind: choices.split_at(moment) for kind, choices in examples.choices.items()}
        channel = examples.choices["channel"]
        is_early = channel.rows_of(channel.at < moment)
        return (
            RecommendationExamples(
                {kind: early for kind, (early, _) in halves.items()},
                _kept(examples.offered, is_early),
                examples.adoptions.before(moment),
            ),
            RecommendationExamples(
                {kind: late for kind, (_, late) in halves.items()},
                _kept(examples.offered, ~is_early),
                examples.adoptions,
            ),
        )

    def fit(self, examples: RecommendationExamples, previous: RecommendationModel) -> RecommendationModel:
        """Heads near the previous ones, with trees where they help, and the similarity of channels from all adoptions.

        A head with fewer than MIN_OF_A_KIND choices stays what it was.
        """
        choices = {**examples.choices, "channel": _with_past_similarity(examples)}
        heads = {
            kind: fit_ranking_head(choices[kind], previous.heads_[kind], PRIORS[kind])
            if choices[kind].n_questions >= MIN_OF_A_KIND
            else previous.heads_[kind]
            for kind in ITEM_TYPES
        }
        return RecommendationModel(heads, examples.adoptions.similarity())

    def evaluate(self, model: RecommendationModel, examples: RecommendationExamples) -> dict[str, float]:
        """NDCG@10 averaged over the types and of each type, beside popularity and recency."""
        choices = examples.choices
        askers = {kind: one.asker for kind, one in choices.items()}
        gains = _gains(model, examples)
        mean, low, high = mean_with_interval(gains, askers)
        measures = {self.metric: mean, f"{self.metric}_low": low, f"{self.metric}_high": high}
        for name, columns in BASELINES.items():
            by_rule = {kind: ndcg_of_questions(choices[kind], choices[kind].sum_of(columns[kind])) for kind in gains}
            measures[f"baseline_{name}"] = mean_with_interval(by_rule, askers)[0]
            measures.update({f"{kind}_{name}": float(values.mean()) for kind, values in by_rule.items()})
        for kind, values in gains.items():
            _, low, high = mean_with_interval({kind: values}, askers)
            measures.update(
                {
                    f"{kind}_{self.metric}": float(values.mean()),
                    f"{kind}_{self.metric}_low": low,
                    f"{kind}_{self.metric}_high": high,
                    f"{kind}_questions": float(len(values)),
                }
            )
        return measures

    def compare(
        self, candidate: RecommendationModel, previous: RecommendationModel, examples: RecommendationExamples
    ) -> dict[str, float]:
        """The gain in NDCG@10, averaged over the types.

        Of all questions, of those with few and with many candidates, of people new to the channels and of the others.
        """
        now, before = _gains(candidate, examples), _gains(previous, examples)
        asked = {kind: examples.choices[kind] for kind in now}
        few = {kind: has_few_candidates(one) for kind, one in asked.items()}
        new = {kind: examples.adoptions.n_used_before(one.asker, one.at) <= NEW for kind, one in asked.items()}
        slices = {"few": few, "many": _others(few), "new": new, "seasoned": _others(new)}
        gains = {kind: now[kind] - before[kind] for kind in now}
        return gain_by_slice(gains, {kind: one.asker for kind, one in asked.items()}, slices)


def _gains(model: RecommendationModel, examples: RecommendationExamples) -> dict[ItemType, Floats]:
    """NDCG@10 of each question, by type; types without a question are left out."""
    channel = _with_similarity(examples, lambda _at: model.similarity_)
    choices: dict[ItemType, Choices] = {**examples.choices, "channel": channel}
    return {
        kind: ndcg_of_questions(one, model.score(kind, one.names, one.features))
        for kind, one in choices.items()
        if one.n_questions
    }


def _others(flags: Mapping[ItemType, Flags]) -> dict[ItemType, Flags]:
    return {kind: ~each for kind, each in flags.items()}


def examples_of(events: Callable[[], Iterable[Event]]) -> RecommendationExamples:
    """Examples from a log that can be read twice in its order. Raises NotEnoughData."""
    turns = turns_in(events())
    kept = frozenset(sampled(turns, MAX_QUESTIONS))
    if len(kept) < MIN_QUESTIONS:
        counts = count_by_kind(turns)
        raise NotEnoughData(
            f"the events show {counts['channel']} first steps into a channel, {counts['user']} first contacts with "
            f"somebody and {counts['message']} answers or reactions after their first day: {len(kept)} choices in all; "
            f"needed are {MIN_QUESTIONS}"
        )
    collector = _Collector(kept)
    for moment in replay(events()):
        collector.see(moment)
    return collector.examples()


class _Collector:
    """Sees a log moment by moment and keeps the questions that were drawn, and all adoptions of channels."""

    def __init__(self, kept: frozenset[Turn]) -> None:
        self._kept = kept
        self._builders = {kind: ChoicesBuilder() for kind in ITEM_TYPES}
        self._offered: list[str] = []
        self._numbers: dict[str, int] = {}
        self._adoptions = AdoptionsBuilder()
        self._workspace: Workspace | None = None

    def see(self, moment: Moment) -> None:
        """Look at the state just before an event is applied."""
        self._workspace = moment.workspace
        event = moment.event
        for turn in moment.turns:
            if turn in self._kept:
                self._ask(turn, Viewpoint(moment.workspace, moment.features, turn.user_id, turn.at))
        channel_id = adopted_channel(event, moment.workspace)
        if channel_id is not None:
            self._adoptions.add(self._number(event.user_id), channel_id, event.unix_seconds)

    def examples(self) -> RecommendationExamples:
        """Everything seen."""
        return RecommendationExamples(
            choices={kind: builder.build() for kind, builder in self._builders.items()},
            offered=self._offered,
            adoptions=self._adoptions.build(self._workspace),
        )

    def _ask(self, turn: Turn, view: Viewpoint) -> None:
        items, chosen, frame_of = _ASKED[turn.kind](turn, view)
        if chosen is None or len(items) < 2:
            return
        frame = frame_of()
        rows = self._builders[turn.kind].add(frame.names, frame.values, chosen, turn.at, self._number(turn.user_id))
        if turn.kind == "channel":
            self._offered += [items[row] for row in rows]

    def _number(self, user_id: str) -> int:
        return self._numbers.setdefault(user_id, len(self._numbers))


Asked = tuple[Sequence[str], int | None, Callable[[], FeatureFrame]]


def _ask_channel(turn: Turn, view: Viewpoint) -> Asked:
    ids = list(channel_candidates(view))
    return ids, _position(turn.item_id, ids), lambda: channel_features(view, ids, np.zeros(len(ids)), None)


def _ask_person(turn: Turn, view: Viewpoint) -> Asked:
    ids = [one for one in person_candidates(view) if one not in view.contacts]
    return ids, _position(turn.item_id, ids), lambda: person_features(view, ids, None)


def _ask_message(turn: Turn, view: Viewpoint) -> Asked:
    found = conversation_candidates(view)
    ids = [one.message.message_id for one in found]
    return ids, conversation_of(turn, found), lambda: conversation_features(view, found, None)


_ASKED: Mapping[ItemType, Callable[[Turn, Viewpoint], Asked]] = {
    "channel": _ask_channel,
    "user": _ask_person,
    "message": _ask_message,
}


def _position(item_id: str, ids: Sequence[str]) -> int | None:
    return ids.index(item_id) if item_id in ids else None


def _with_past_similarity(examples: RecommendationExamples) -> Choices:
    """The channel choices with a similarity learnt from what was before each of N_BLOCKS stretches of time."""
    at = examples.choices["channel"].at
    if not len(at):
        return examples.choices["channel"]
    begins = np.quantile(at, np.arange(N_BLOCKS) / N_BLOCKS)
    learnt = [examples.adoptions.before(float(moment)).similarity() for moment in begins]
    return _with_similarity(examples, lambda moment: learnt[int(np.searchsorted(begins, moment, side="right")) - 1])


def _with_similarity(examples: RecommendationExamples, known: Callable[[float], ItemSimilarity]) -> Choices:
    choices = examples.choices["channel"]
    if not choices.n_questions:
        return choices
    bounds = np.searchsorted(choices.question, np.arange(choices.n_questions + 1))
    values = [
        known(float(at)).scores(examples.offered[begin:end], examples.adoptions.used_by(int(asker), float(at)))
        for at, asker, begin, end in zip(choices.at, choices.asker, bounds, bounds[1:], strict=False)
    ]
    return choices.with_column("similar_channels", np.concatenate(values))


def _kept(offered: Sequence[str], keep: Flags) -> list[str]:
    return [channel_id for channel_id, is_kept in zip(offered, keep, strict=True) if is_kept]
