"""At somebody's first post in a channel: all channels they had not written in, as known before that second."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from quikapp_ml.training.thread_features import as_matrix
from quikapp_ml.training.thread_links import FadingLinks
from quikapp_ml.training.thread_memory import DAY, Post, ThreadMemory
from quikapp_ml.training.thread_ranking import Question

Array = np.ndarray[Any, Any]

STEP_DAYS = (7, 30, 180)
POST_DAYS = (2, 30)
N_PARTNERS = 30
_ALL = 0
"""The one number under which what everybody does is counted."""


class ChannelReplay:
    """Goes through posts once; a question's candidates are in the order in which channels appeared."""

    def __init__(self) -> None:
        self.memory = ThreadMemory()
        self._steps = {days: FadingLinks(days * DAY) for days in STEP_DAYS}
        self._posts = {days: FadingLinks(days * DAY) for days in POST_DAYS}
        self._first_steps = FadingLinks(180 * DAY)
        self._together, self._after = FadingLinks(365 * DAY), FadingLinks(365 * DAY)
        self._users: list[int] = []
        self._began: list[float] = []
        self._last: list[float] = []

    def questions(self, posts: Iterable[Post]) -> Iterator[Question]:
        """All questions, in the order of time; the name of the asker's count of posts is `own_posts`."""
        for at, together in groupby(posts, key=lambda post: post.at):
            same_second = list(together)
            self.memory.ask(at)
            yield from filter(None, map(self._ask, dict.fromkeys(same_second)))
            for post in same_second:
                self._apply(post)

    def _ask(self, post: Post) -> Question | None:
        memory = self.memory
        channel, user = memory.channels.get(post.channel), memory.user_number(post.user)
        used = memory.people[user].last_in
        if channel is None or channel in used:
            return None
        candidates = np.array([one for one in range(len(self._users)) if one not in used], dtype=np.int64)
        if len(candidates) < 2:
            return None
        columns = {name: values[candidates] for name, values in self._columns(user, post.at).items()}
        chosen = int(np.flatnonzero(candidates == channel)[0])
        return Question(tuple(columns), as_matrix(columns), chosen, post.at, user)

    def _columns(self, user: int, at: float) -> dict[str, Array]:
        """One value for each channel."""
        person, n = self.memory.people[user], len(self._users)
        used = list(person.last_in)
        users = np.array(self._users, dtype=float)
        steps = {days: links.row(_ALL, at, n)[:n] for days, links in self._steps.items()}
        written = {days: links.row(_ALL, at, n)[:n] for days, links in self._posts.items()}
        own = self.memory.places.row(user, at, n)[:n]
        beside = np.array([self._together.row(one, at, n)[:n] for one in used] or np.zeros((1, n)))
        after = self._after.row(used[-1], at, n)[:n] if used else np.zeros(n)
        first = self._first_steps.row(_ALL, at, n)[:n]
        return {
            "users": np.log1p(users),
            **{f"steps_{days}": np.log1p(values) for days, values in steps.items()},
            **{f"posts_{days}": np.log1p(values) for days, values in written.items()},
            "first_steps": np.log1p(first),
            "trend": np.log((steps[7] + 0.5) / (steps[180] + 0.5)),
            "age": np.log1p(at - np.array(self._began)),
            "quiet": np.log1p(at - np.array(self._last)),
            "beside": np.log1p(beside.sum(axis=0)),
            "beside_rate": np.log((beside.mean(axis=0) + 0.05) / (users + 5)),
            "beside_here": (beside * own[used][:, None]).sum(axis=0) / (own.sum() + 1) if used else np.zeros(n),
            "after": np.log1p(after),
            "after_rate": after / (after.sum() + 1),
            "partners": self._partners(user, at, n),
            "own_posts": np.full(n, np.log1p(len(person.times))),
            "own_channels": np.full(n, float(len(used))),
            "own_pause": np.full(n, np.log1p(at - person.times[-1]) if person.times else 0.0),
        }

    def _partners(self, user: int, at: float, n: int) -> Array:
        """Which share of those whom one answers most writes in each channel, those who wrote there lately first."""
        row = self.memory.answers.row(user, at, len(self.memory.people))
        best = np.argsort(-row, kind="stable")[:N_PARTNERS]
        found = np.zeros(n)
        for other in best[row[best] > 0].tolist():
            for channel, last in self.memory.people[other].last_in.items():
                found[channel] += row[other] * 2.0 ** (-(at - last) / (30 * DAY))
        return np.asarray(found / (row.sum() + 1))

    def _apply(self, post: Post) -> None:
        memory = self.memory
        user, at = memory.user_number(post.user), post.at
        before = list(memory.people[user].last_in)
        memory.apply(post)
        channel = memory.channels[post.channel]
        if channel == len(self._users):
            self._users.append(0)
            self._began.append(at)
            self._last.append(at)
        self._last[channel] = at
        for links in self._posts.values():
            links.add(_ALL, channel, 1.0, at)
        if channel not in before:
            self._step(channel, before, at)

    def _step(self, channel: int, before: list[int], at: float) -> None:
        self._users[channel] += 1
        for links in (*self._steps.values(), *(() if before else (self._first_steps,))):
            links.add(_ALL, channel, 1.0, at)
        for other in before:
            self._together.add(other, channel, 1.0, at)
            self._together.add(channel, other, 1.0, at)
        if before:
            self._after.add(before[-1], channel, 1.0, at)
