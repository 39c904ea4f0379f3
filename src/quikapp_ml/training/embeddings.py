"""How user-embeddings is made: who began to use which public channel, and how well that tells what they use next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from quikapp_ml.entities.events import Event
from quikapp_ml.features.frame import Floats
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.collaborative import CollaborativeFilter, FilterSettings
from quikapp_ml.models.embeddings import N_DIMENSIONS, UserEmbeddings
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.adoptions import Adoptions, AdoptionsBuilder
from quikapp_ml.training.choices import CUTOFF, Integers, mean_with_interval
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.slices import MIN_IN_SLICE, gain_by_slice
from quikapp_ml.training.turns import adopted_channel

MIN_QUESTIONS = 20
MAX_QUESTIONS = 2_000
HELD_OUT = 0.2
AVERAGE_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""How many times the average may count in everybody's vector."""
NEW = 3
"""Somebody who has begun to use at most so many channels is new."""

Scorer = Callable[[list[str]], Floats]
"""Channels that somebody uses → a score for each channel."""


@dataclass(frozen=True)
class ChannelQuestions:
    """Adoptions, and which of them (`asked`, positions) are to be foreseen from what the person used before."""

    adoptions: Adoptions
    asked: Integers

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def at(self) -> Floats:
        """(n_questions,): when each channel was turned to."""
        return np.asarray(self.adoptions.at[self.asked], dtype=float)

    @property
    def askers(self) -> Integers:
        """(n_questions,): who turned to it."""
        return np.asarray(self.adoptions.users[self.asked], dtype=np.int64)


class EmbeddingsRecipe(Recipe[UserEmbeddings, ChannelQuestions]):
    """Labels: the next public channel that somebody begins to use who uses one already.

    The metric is NDCG@10 of it among all channels that they do not use, by the channels' affinity to their vector: a
    vector that cannot tell where somebody goes next does not tell who they are like.
    """

    model_class: ClassVar[type[UserEmbeddings]] = UserEmbeddings
    metric: ClassVar[str] = "ndcg_at_10"
    tables: ClassVar[tuple[str, ...]] = (EVENTS.name,)

    limits: ClassVar[str] = (
        "Being in a public channel is all that counts: reading, reactions and how much somebody writes do not. Where "
        "the channels that people use say no more than popularity does, it is not promoted."
    )

    def untrained(self) -> UserEmbeddings:
        """It has no starter: channels belong to one workspace."""
        return UserEmbeddings.untrained()

    def examples(self, lake: Lake) -> ChannelQuestions:
        """Read off the log. Raises NotEnoughData."""
        return questions_of(ordered_events(lake, texts=False))

    def split(self, examples: ChannelQuestions) -> tuple[ChannelQuestions, ChannelQuestions]:
        """Adoptions before and after the moment at which four fifths of the questions were asked.

        Of those held out at most MAX_QUESTIONS are asked, evenly taken over time.
        """
        moment = float(np.quantile(examples.at, 1 - HELD_OUT))
        late = examples.asked[examples.at >= moment]
        drawn = late[np.unique(np.linspace(0, len(late) - 1, min(len(late), MAX_QUESTIONS)).astype(int))]
        early = ChannelQuestions(examples.adoptions.before(moment), examples.asked[examples.at < moment])
        return early, ChannelQuestions(examples.adoptions, drawn)

    def fit(self, examples: ChannelQuestions, previous: UserEmbeddings) -> UserEmbeddings:
        """The leading directions of the graph, turned to where the version before has them.

        How much the average counts is chosen by what would have foretold the last fifth of what is learnt from.
        """
        earlier, later = self.split(examples)
        weight = 1.0
        if len(later) >= MIN_IN_SLICE:
            trial = _learn(earlier.adoptions)
            gains = {one: _gains(later, _scorer(_weighted(trial, one), later)).mean() for one in AVERAGE_WEIGHTS}
            weight = max(gains, key=lambda one: float(gains[one]))
        return _weighted(_learn(examples.adoptions), weight).turned_to(previous)

    def evaluate(self, model: UserEmbeddings, examples: ChannelQuestions) -> dict[str, float]:
        """NDCG@10 of the channel turned to, beside the number of people who used a channel before the first of them."""
        past = examples.adoptions.before(float(examples.at.min()))
        popularity = np.bincount(past.channels, minlength=len(past.channel_ids)).astype(float)
        gains, by_rule = _gains(examples, _scorer(model, examples)), _gains(examples, lambda _used: popularity)
        mean, low, high = mean_with_interval({"channel": gains}, {"channel": examples.askers})
        return {
            self.metric: mean,
            f"{self.metric}_low": low,
            f"{self.metric}_high": high,
            "baseline_popular": float(by_rule.mean()),
            "questions": float(len(examples)),
        }

    def compare(
        self, candidate: UserEmbeddings, previous: UserEmbeddings, examples: ChannelQuestions
    ) -> dict[str, float]:
        """The gain in NDCG@10: of all, of people new to the channels, and of those who use many."""
        gains = _gains(examples, _scorer(candidate, examples)) - _gains(examples, _scorer(previous, examples))
        is_new = examples.adoptions.n_used_before(examples.askers, examples.at) <= NEW
        slices = {"new": {"channel": is_new}, "seasoned": {"channel": ~is_new}}
        return gain_by_slice({"channel": gains}, {"channel": examples.askers}, slices)


def questions_of(events: Iterable[Event]) -> ChannelQuestions:
    """Questions from a log in its order. Raises NotEnoughData."""
    workspace, builder = Workspace(), AdoptionsBuilder()
    numbers: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for event in events:
        channel_id = adopted_channel(event, workspace)
        if channel_id is not None and (event.user_id, channel_id) not in seen:  # coming back is no new taste
            seen.add((event.user_id, channel_id))
            builder.add(numbers.setdefault(event.user_id, len(numbers)), channel_id, event.unix_seconds)
        workspace.apply(event)
    adoptions = builder.build(workspace)
    begun_at = np.full(len(numbers), np.inf)
    np.minimum.at(begun_at, adoptions.users, adoptions.at)
    asked = np.flatnonzero(adoptions.at > begun_at[adoptions.users])
    if len(asked) < MIN_QUESTIONS:
        raise NotEnoughData(
            f"the events show {len(adoptions)} first steps into a public channel, {len(asked)} of them by people who "
            f"used one already; needed are {MIN_QUESTIONS}"
        )
    return ChannelQuestions(adoptions, asked)


def _learn(adoptions: Adoptions) -> UserEmbeddings:
    shape = (int(adoptions.users.max()) + 1, len(adoptions.channel_ids))
    uses = sparse.csr_matrix((np.ones(len(adoptions)), (adoptions.users, adoptions.channels)), shape=shape)
    found = CollaborativeFilter(FilterSettings(n_factors=N_DIMENSIONS)).fit(uses)
    seen = found.seen_[np.diff(found.seen_.indptr) > 0]
    n_users = np.bincount(seen.indices, minlength=shape[1])
    used = np.flatnonzero(n_users)
    factors = np.zeros((len(used), N_DIMENSIONS))
    factors[:, : len(found.item_factors_)] = found.item_factors_[:, used].T * np.sqrt(found.strengths())
    average = (factors * np.sqrt(n_users[used])[:, None]).sum(axis=0) / seen.shape[0]
    channel_ids = [adoptions.channel_ids[row] for row in used]
    return UserEmbeddings(channel_ids, factors, n_users[used], average)


def _weighted(model: UserEmbeddings, weight: float) -> UserEmbeddings:
    return UserEmbeddings(model.channel_ids_, model.factors_, model.n_users_, weight * model.average_)


def _scorer(model: UserEmbeddings, examples: ChannelQuestions) -> Scorer:
    channel_ids = examples.adoptions.channel_ids
    return lambda used: np.asarray(model.affinities(model.embed([used]), channel_ids)[0])


def _gains(examples: ChannelQuestions, scorer: Scorer) -> Floats:
    """(n_questions,): NDCG@10 of the channel turned to among those not used; equal scores share their ranks."""
    adoptions, gains = examples.adoptions, np.zeros(len(examples))
    rows = {channel_id: row for row, channel_id in enumerate(adoptions.channel_ids)}
    for position, (asked, asker, at) in enumerate(zip(examples.asked, examples.askers, examples.at, strict=True)):
        used = adoptions.used_by(int(asker), float(at))
        scores, chosen = scorer(used), int(adoptions.channels[asked])
        scores = np.delete(scores - scores[chosen], [chosen, *(rows[channel_id] for channel_id in used)])
        rank = 1 + (scores > 0).sum() + (scores == 0).sum() / 2
        gains[position] = 1 / np.log2(1 + rank) if rank <= CUTOFF else 0.0
    return gains
