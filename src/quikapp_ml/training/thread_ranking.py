"""At somebody's first post in a thread: all threads they could have turned to, and a ranker that foresees which."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import numpy as np

from quikapp_ml.training.boosted import Boosting, margins_of, train_booster
from quikapp_ml.training.choices import ChoicesBuilder
from quikapp_ml.training.thread_features import ThreadView, as_matrix
from quikapp_ml.training.thread_habits import Habits
from quikapp_ml.training.thread_memory import Post, ThreadMemory

Array = np.ndarray[Any, Any]

MIN_POSTS = 20
MIN_CANDIDATES = 20
N_OTHERS = 40
"""So many of the threads that were not chosen are learnt from, a question."""
QUESTIONS_AT_ONCE = 200
CUTOFF = 10
BOOSTING = Boosting(depth=6, rounds=300, rate=0.07, column_share=0.4, n_threads=2)
RANKER = "ranker"
BASELINES: Mapping[str, tuple[str, float]] = {
    "recency": ("age", -1.0),
    "popular (posts of a day)": ("day_now", 1.0),
    "co-participation": ("together_sum", 1.0),
    "who answers whom": ("answers_sum", 1.0),
}


@dataclass(frozen=True)
class Question:
    """The candidates' features (n, n_features) just before `asker` turned to the one at `chosen`."""

    names: tuple[str, ...]
    features: Array
    chosen: int
    at: float
    asker: int


class ThreadReplay:
    """Goes through posts once; knows at each question what was posted before its second, and nothing else."""

    def __init__(self) -> None:
        self.memory, self.habits = ThreadMemory(), Habits()

    def questions(self, posts: Iterable[Post], since: float) -> Iterator[Question]:
        """Questions from a moment on, in the order of time. Raises LeakAlarm when the posts are not in that order."""
        for at, together in groupby(posts, key=lambda post: post.at):
            same_second = list(together)
            asked = list(filter(None, map(self._ask, dict.fromkeys(same_second)))) if at >= since else []
            for question, _ in asked:
                yield question
            for question, bins in asked:  # not before the second is over
                self.habits.learn(question.asker, bins, question.chosen)
            for post in same_second:
                self.memory.apply(post)

    def _ask(self, post: Post) -> tuple[Question, Array] | None:
        memory = self.memory
        user, thread = memory.users.get(post.user), memory.threads.get(post.thread)
        if user is None or thread is None or len(memory.people[user].times) < MIN_POSTS:
            return None
        candidates = memory.candidates(user, post.at)
        chosen = np.flatnonzero(candidates == thread)
        if len(candidates) < MIN_CANDIDATES or not len(chosen):
            return None
        columns, bins = ThreadView(memory, user, candidates, post.at).columns(self.habits)
        return Question(tuple(columns), as_matrix(columns), int(chosen[0]), post.at, user), bins


class ThreadRanker:
    """Boosted trees over the features of a question's threads."""

    def __init__(self, booster: Any, n_questions: int) -> None:
        self._booster = booster
        self.n_questions = n_questions

    @classmethod
    def learn(cls, questions: Iterable[Question], boosting: Boosting = BOOSTING) -> "ThreadRanker":
        """From questions in the order of time."""
        builder = ChoicesBuilder(max_others=N_OTHERS)
        for one in questions:
            builder.add(one.names, one.features, one.chosen, one.at, one.asker)
        choices = builder.build()
        return cls(train_booster(choices, boosting), choices.n_questions)

    def answer(self, questions: Iterable[Question]) -> "Answers":
        """Where the ranker and each baseline put what was chosen."""
        ranks: dict[str, list[float]] = {name: [] for name in (RANKER, *BASELINES)}
        askers: list[int] = []
        for batch in batched(questions, QUESTIONS_AT_ONCE):
            margins = margins_of(self._booster, np.concatenate([one.features for one in batch]))
            ends = np.cumsum([len(one.features) for one in batch])[:-1]
            for one, scores in zip(batch, np.split(margins, ends), strict=True):
                askers.append(one.asker)
                ranks[RANKER].append(rank_of(one.chosen, scores))
                for name, (feature, sign) in BASELINES.items():
                    ranks[name].append(rank_of(one.chosen, sign * one.features[:, one.names.index(feature)]))
        return Answers({name: np.array(each) for name, each in ranks.items()}, np.array(askers, dtype=np.int64))


@dataclass(frozen=True)
class Answers:
    """Of each question the rank of what was chosen, by ranker, and who asked."""

    ranks: Mapping[str, Array]
    askers: Array

    def gains(self, name: str) -> Array:
        """NDCG@10 with one relevant thread."""
        return np.where(self.ranks[name] <= CUTOFF, 1 / np.log2(1 + self.ranks[name]), 0.0)

    def hits(self, name: str) -> Array:
        """1 where what was chosen is among the first ten."""
        return (self.ranks[name] <= CUTOFF).astype(float)


def rank_of(chosen: int, scores: Array) -> float:
    """From 1 on; equal scores share the middle of their ranks."""
    return 1.0 + float((scores > scores[chosen]).sum()) + float((scores == scores[chosen]).sum() - 1) / 2


def batched(questions: Iterable[Question], size: int) -> Iterator[list[Question]]:
    """Lists of so many, the last one shorter."""
    left = iter(questions)
    while batch := list(islice(left, size)):
        yield batch


def moments_of_questions(posts: Iterable[Post]) -> list[float]:
    """When people with enough posts first wrote in a thread that was there: nearly all questions, found quickly."""
    written: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    begun: set[str] = set()
    moments = []
    for post in posts:
        key = (post.user, post.thread)
        if key not in seen and post.thread in begun and written[post.user] >= MIN_POSTS:
            moments.append(post.at)
        seen.add(key)
        begun.add(post.thread)
        written[post.user] += 1
    return moments
