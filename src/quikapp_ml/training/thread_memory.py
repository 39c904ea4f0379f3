"""What a chat has shown so far of its threads and people, post by post: what thread features are read from."""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from quikapp_ml.training.replay import LeakAlarm
from quikapp_ml.training.thread_links import NEVER, FadingLinks, LastTimes

Array = np.ndarray[Any, Any]

HOUR, DAY = 3_600.0, 86_400.0
ACTIVE_SECONDS = 48 * HOUR
N_AUTHORS = 6
"""Of a thread's people so many are remembered, those who wrote last first."""
N_TIMES = 16
N_FACTORS = 32
REFIT_SECONDS = 14 * DAY
_ANSWERED = 4
_FADING: Mapping[str, float] = {"hour": HOUR, "six_hours": 6 * HOUR, "day": DAY}
_JOINS: Mapping[str, float] = {"joins_six_hours": 6 * HOUR, "joins_day": DAY}
_FIELDS: Mapping[str, tuple[int, float, type]] = {
    "last": (0, 0, float), "first": (0, 0, float), "before_last": (0, NEVER, float), "posts": (0, 0, float),
    "people": (0, 0, float), "channel": (0, -1, int), "starter": (0, -1, int), "starter_had_written": (0, 0, float),
    "joined": (0, NEVER, float), "authors": (N_AUTHORS, -1, int), "author_times": (N_AUTHORS, NEVER, float),
    "times": (N_TIMES, NEVER, float), "by_starter": (0, 0, float), "in_a_row": (0, 0, float),
    "starter_wrote": (0, NEVER, float), **dict.fromkeys((*_FADING, *_JOINS), (0, 0, float)),
}  # fmt: skip


class Post(NamedTuple):
    """Somebody writes in a thread of a channel; `at` in unix seconds."""

    user: str
    channel: str
    thread: str
    at: float


@dataclass(slots=True)
class Person:
    """What one has done: times of all posts and of first posts in a thread, the threads, and when last in a channel."""

    times: list[float] = field(default_factory=list)
    join_times: list[float] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    last_channel: int = -1
    followed: float = NEVER
    """When the post was written that one's own last post came after, in its thread."""
    last_in: dict[int, float] = field(default_factory=dict)


class ThreadMemory:
    """Applies posts in the order of time. Threads, people and channels are numbered as they appear."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self.channels: dict[str, int] = {}
        self.threads: dict[str, int] = {}
        self.people: list[Person] = []
        self.of_thread: dict[str, Array] = {}
        self.written, self.started = np.zeros(0), np.zeros(0)
        self.answers, self.answered = FadingLinks(60 * DAY), FadingLinks(60 * DAY)
        self.lately, self.together = FadingLinks(7 * DAY), FadingLinks(120 * DAY)
        self.starters = FadingLinks(180 * DAY)
        self.met, self.met_starter = LastTimes(), LastTimes()
        self.places, self.places_lately = FadingLinks(60 * DAY), FadingLinks(4 * DAY)
        self.joins = FadingLinks(90 * DAY)
        self.known_until = -math.inf
        self._active: OrderedDict[int, float] = OrderedDict()
        self._factors, self._fitted_at = np.zeros((1, 1)), -math.inf

    def ask(self, at: float) -> None:
        """Ring the alarm when what is asked about this moment could be answered by the future. Raises LeakAlarm."""
        if at <= self.known_until:
            raise LeakAlarm(
                f"asked about second {at:.0f}, but posts until {self.known_until:.0f} are known already: the answer "
                "would be read off its own consequences; apply the posts of a second after all its questions"
            )

    def user_number(self, user: str) -> int:
        """The number of a person, known or new."""
        number = self.users.setdefault(user, len(self.users))
        if number == len(self.people):
            self.people.append(Person())
            if number >= len(self.written):
                more = np.zeros(max(64, number))
                self.written, self.started = np.append(self.written, more), np.append(self.started, more)
        return number

    def candidates(self, user: int, at: float) -> Array:
        """Threads of the last 48 hours in which a person has not written, the quietest first."""
        while self._active and next(iter(self._active.values())) < at - ACTIVE_SECONDS:
            self._active.popitem(last=False)
        own = self.people[user].threads
        return np.array([thread for thread in self._active if thread not in own], dtype=np.int64)

    def apply(self, post: Post) -> None:
        """Take a post in. Raises LeakAlarm when it lies before one that is known."""
        if post.at < self.known_until:
            raise LeakAlarm(
                f"a post of second {post.at:.0f} comes after one of second {self.known_until:.0f}: sort the log by time"
            )
        user, at = self.user_number(post.user), post.at
        channel = self.channels.setdefault(post.channel, len(self.channels))
        thread = self._thread_number(post.thread)
        person = self.people[user]
        is_join, is_new = thread not in person.threads, self.of_thread["posts"][thread] == 0
        if is_new:
            self._begin(thread, user, at)
        else:
            self._link(thread, user, at, is_join=is_join)
        person.followed = at if is_new else float(self.of_thread["last"][thread])
        self._count(thread, user, at, is_join=is_join)
        self.of_thread["channel"][thread] = channel
        self._note_person(user, channel, at)
        person.threads.add(thread)
        if is_join:
            person.join_times.append(at)
            if not is_new:
                self.joins.add(user, channel, 1.0, at)
        self._active[thread] = at
        self._active.move_to_end(thread)
        self.known_until = at

    def factors(self, at: float) -> Array:
        """(n_people then + 1, n_factors): alike for people who write where the same people do; the last is nobody's.

        Fitted anew every two weeks, from what was known then.
        """
        if at - self._fitted_at > REFIT_SECONDS:
            self._factors, self._fitted_at = self._fit_factors(at), at
        return self._factors

    def _fit_factors(self, at: float) -> Array:
        n_people = len(self.people)
        links = [(np.full(len(others), one), others, weights) for one, others, weights in self.together.all_links(at)]
        n_factors = min(N_FACTORS, n_people - 2)
        if n_factors < 1 or not links:
            return np.zeros((1, 1))
        rows, columns, weights = (np.concatenate(part) for part in zip(*links, strict=True))
        table = sparse.csr_array((weights, (rows, columns)), shape=(n_people, n_people))
        scale = sparse.diags_array((table.sum(axis=1) + 1.0) ** -0.5)
        left, sizes, _ = svds((scale @ table @ scale).tocsr(), k=n_factors, random_state=0)
        found = np.vstack([left * np.sqrt(np.abs(sizes)), np.zeros((1, n_factors))])
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))

    def _thread_number(self, thread: str) -> int:
        number = self.threads.setdefault(thread, len(self.threads))
        if number >= len(self.of_thread.get("last", ())):
            for name, (width, empty, kind) in _FIELDS.items():
                more: Array = np.full((max(1024, number), width) if width else max(1024, number), empty, dtype=kind)
                self.of_thread[name] = np.concatenate([self.of_thread[name], more]) if number else more
        return number

    def _begin(self, thread: int, user: int, at: float) -> None:
        known = self.of_thread
        known["first"][thread] = known["last"][thread] = at
        known["starter"][thread], known["starter_had_written"][thread] = user, self.written[user]
        self.started[user] += 1

    def _link(self, thread: int, user: int, at: float, *, is_join: bool) -> None:
        """Tie a person to those who wrote in the thread before."""
        authors = [one for one in self.of_thread["authors"][thread].tolist() if one >= 0]
        for rank, other in enumerate(one for one in authors[:_ANSWERED] if one != user):
            weight = 0.5**rank
            self.answers.add(user, other, weight, at)
            self.answered.add(other, user, weight, at)
            self.lately.add(user, other, weight, at)
            self.lately.add(other, user, weight / 2, at)
            self.met.note(user, other, at)
            self.met.note(other, user, at)
        if not is_join:
            return
        starter, share = int(self.of_thread["starter"][thread]), self.of_thread["people"][thread] ** -0.5
        self.starters.add(user, starter, 1.0, at)
        self.met_starter.note(user, starter, at)
        for other in authors:
            self.together.add(user, other, share, at)
            self.together.add(other, user, share, at)

    def _count(self, thread: int, user: int, at: float, *, is_join: bool) -> None:
        known = self.of_thread
        quiet = at - known["last"][thread]
        for name, half_life in (*_FADING.items(), *_JOINS.items()):
            known[name][thread] *= 2.0 ** (-quiet / half_life)
        for name in (*_FADING, *(_JOINS if is_join else ()), "posts"):
            known[name][thread] += 1
        if is_join:
            known["people"][thread] += 1
            known["joined"][thread] = at
        if user == known["starter"][thread]:
            known["by_starter"][thread] += 1
            known["starter_wrote"][thread] = at
        known["in_a_row"][thread] = known["in_a_row"][thread] + 1 if known["authors"][thread, 0] == user else 1
        known["before_last"][thread] = known["last"][thread] if quiet or known["posts"][thread] > 1 else NEVER
        known["last"][thread] = at
        known["times"][thread, 1:] = known["times"][thread, :-1].copy()
        known["times"][thread, 0] = at
        self._move_to_front(thread, user, at)

    def _move_to_front(self, thread: int, user: int, at: float) -> None:
        authors, times = (self.of_thread[name][thread].tolist() for name in ("authors", "author_times"))
        place = authors.index(user) if user in authors else N_AUTHORS - 1
        self.of_thread["authors"][thread] = [user, *authors[:place], *authors[place + 1 :]]
        self.of_thread["author_times"][thread] = [at, *times[:place], *times[place + 1 :]]

    def _note_person(self, user: int, channel: int, at: float) -> None:
        person = self.people[user]
        self.written[user] += 1
        person.times.append(at)
        person.last_channel, person.last_in[channel] = channel, at
        self.places.add(user, channel, 1.0, at)
        self.places_lately.add(user, channel, 1.0, at)
