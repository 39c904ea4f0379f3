"""What is known of each thread that somebody could turn to next: columns for one person at one moment."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from quikapp_ml.training.thread_habits import Habits
from quikapp_ml.training.thread_memory import HOUR, Person, ThreadMemory

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]

SESSION_GAP = 1.5 * HOUR
N_OWN = 300
N_LOOKED_BACK = 60
RELATIVE = (
    "day_now", "joins_now", "near_mean", "place_lift",
    "new_since_session", "answers_warm", "habit_sum", "own_posts_since",
)  # fmt: skip
"""Features of which the rank among the candidates is one, too."""


class ThreadView:
    """One person's look at the candidates (numbers of threads) at a moment. Raises LeakAlarm when that is over."""

    def __init__(self, memory: ThreadMemory, person: int, candidates: Array, at: float) -> None:
        memory.ask(at)
        self.memory, self.person, self.at = memory, person, at
        self.of = {name: values[candidates] for name, values in memory.of_thread.items()}
        self.n_people, self.n = len(memory.people), len(candidates)
        self.age = at - self.of["last"]

    def columns(self, habits: Habits) -> tuple[Columns, Array]:
        """All features, and the bins of habits."""
        found = {**self._pace(), **self._people(), **self._own_time(), **self._affinity(), **self._places()}
        lifts, bins = habits.lifts(self.person, found)
        found |= lifts
        found |= {f"rank_{name}": _ranks(-found[name]) for name in RELATIVE}
        return found, bins

    def _since(self, moments: Array) -> Array:
        return np.log1p(np.clip(self.at - moments, 0.0, None))

    def _pace(self) -> Columns:
        of = self.of
        columns = {
            "age": self._since(of["last"]),
            "rank": _ranks(self.age),
            "lifetime": self._since(of["first"]),
            "third_last": self._since(of["times"][:, 2]),
            "gap": np.log1p(np.clip(of["last"] - of["before_last"], 0, None)),
            "joined": self._since(of["joined"]),
            "posts": np.log1p(of["posts"]),
            "people": np.log1p(of["people"]),
            "posts_each": of["posts"] / np.maximum(of["people"], 1),
            "hour_now": of["hour"] * 2.0 ** (-self.age / HOUR),
            "six_hours_now": of["six_hours"] * 2.0 ** (-self.age / (6 * HOUR)),
            "day_now": of["day"] * 2.0 ** (-self.age / (24 * HOUR)),
            "people_lately": of["joins_six_hours"] * 2.0 ** (-self.age / (6 * HOUR)),
            "joins_now": of["joins_day"] * 2.0 ** (-self.age / (24 * HOUR)),
            "n_candidates": np.full(self.n, np.log(self.n)),
        }
        for name, hours in (("quarter", 0.25), ("one", 1), ("four", 4)):
            columns[f"posts_{name}_hour"] = (of["times"] > self.at - hours * HOUR).sum(axis=1)
        return columns

    def _people(self) -> Columns:
        of, memory = self.of, self.memory
        last, starter = of["authors"][:, 0], of["starter"]
        return {
            "last_is_starter": (last == starter).astype(float),
            "in_a_row": of["in_a_row"],
            "starter_share": of["by_starter"] / np.maximum(of["posts"], 1),
            "starter_wrote": self._since(of["starter_wrote"]),
            "starter_had_written": np.log1p(of["starter_had_written"]),
            "starter_written": np.log1p(memory.written[starter]),
            "starter_started": np.log1p(memory.started[starter]),
            "last_wrote": np.log1p(memory.written[last]),
        }

    def _own_time(self) -> Columns:
        of, me = self.of, self.memory.people[self.person]
        own, joins = np.array(me.times[-N_OWN:]), np.array(me.join_times[-N_OWN:])
        last, session, before = _sessions(me, self.at)
        columns = {
            "own_gap": np.full(self.n, np.log1p(self.at - last)),
            "own_posts": np.full(self.n, np.log1p(len(me.times))),
            "own_six_hours": np.full(self.n, np.log1p((own > self.at - 6 * HOUR).sum())),
            "session": np.full(self.n, np.log1p(session)),
            "new_since": (of["times"] > last).sum(axis=1).astype(float),
            "new_since_session": (of["times"] > before).sum(axis=1).astype(float),
            "began_since_session": (of["first"] > before).astype(float),
            "own_after": np.clip((last - of["last"]) / HOUR, -12, 48),
            "after_followed": _signed_log(of["last"] - me.followed),
            "began_after_followed": _signed_log(of["first"] - me.followed),
        }
        for name, mine in (("posts", own), ("joins", joins)):
            columns[f"own_{name}_since"] = _count_since(mine, of["last"])
            columns[f"own_{name}_since_first"] = _count_since(mine, of["first"])
        return columns

    def _affinity(self) -> Columns:
        of, memory, me, n = self.of, self.memory, self.person, self.n_people
        authors, starter = of["authors"], of["starter"]
        links = {
            "answers": memory.answers, "answered": memory.answered,
            "together": memory.together, "lately": memory.lately,
        }  # fmt: skip
        columns: Columns = {}
        rows = {name: each.row(me, self.at, n) for name, each in links.items()}
        for name, row in rows.items():
            to_authors = row[authors]
            columns |= {
                f"{name}_last": np.log1p(to_authors[:, 0]),
                f"{name}_sum": np.log1p(to_authors.sum(axis=1)),
                f"{name}_most": np.log1p(to_authors.max(axis=1)),
                f"{name}_starter": np.log1p(row[starter]),
            }
        row = rows["answers"]
        to_authors, warmth = row[authors], 2.0 ** (-(self.at - of["author_times"]) / (2 * HOUR))
        begun, met, met_starter = (
            memory.starters.row(me, self.at, n), memory.met.row(me, n), memory.met_starter.row(me, n),
        )  # fmt: skip
        columns |= {
            "answers_share": to_authors[:, 0] / (row.sum() + 1),
            "answers_warm": np.log1p((to_authors * warmth).sum(axis=1)),
            "answers_second": np.log1p(to_authors[:, 1]),
            "answers_rate": to_authors[:, 0] / (memory.written[authors[:, 0]] + 5),
            "answers_starter_rate": row[starter] / (memory.written[starter] + 5),
            "starter_joined": np.log1p(begun[starter]),
            "starter_join_rate": begun[starter] / (memory.started[starter] + 2),
            "met_last": self._since(met[authors[:, 0]]),
            "met_starter": self._since(met[starter]),
            "met_any": self._since(met[authors].max(axis=1)),
            "met_as_starter": self._since(met_starter[starter]),
        }
        return columns | self._nearness()

    def _nearness(self) -> Columns:
        factors, authors = self.memory.factors(self.at), self.of["authors"]
        nobody = len(factors) - 1
        near = factors @ factors[min(self.person, nobody)]
        is_there = authors >= 0
        to_authors = near[np.where(is_there, np.minimum(authors, nobody), nobody)]
        return {
            "near_last": to_authors[:, 0],
            "near_starter": near[np.minimum(self.of["starter"], nobody)],
            "near_mean": to_authors.sum(axis=1) / is_there.sum(axis=1),
            "near_most": np.where(is_there, to_authors, -1.0).max(axis=1),
        }

    def _places(self) -> Columns:
        memory, person, channel = self.memory, self.memory.people[self.person], self.of["channel"]
        n = len(memory.channels)
        long, lately, joins = (
            each.row(self.person, self.at, n) for each in (memory.places, memory.places_lately, memory.joins)
        )
        offered = np.bincount(channel, minlength=n) / self.n
        pace = self.of["six_hours"] * 2.0 ** (-self.age / (6 * HOUR))
        busy = np.bincount(channel, pace, n)
        last_in = np.array([person.last_in.get(one, -np.inf) for one in range(n)])
        order = np.lexsort((self.age, channel))
        place_in = np.zeros(self.n)
        place_in[order] = np.arange(self.n) - np.searchsorted(channel[order], channel[order])
        join_share = joins[channel] / (joins.sum() + 1)
        return {
            "place": np.log1p(long[channel]),
            "place_share": long[channel] / (long.sum() + 1),
            "place_lately": np.log1p(lately[channel]),
            "place_lately_share": lately[channel] / (lately.sum() + 0.5),
            "place_join_share": join_share,
            "place_offered": offered[channel],
            "place_lift": np.log((join_share + 0.005) / (offered[channel] + 0.005)),
            "place_is_last": (channel == person.last_channel).astype(float),
            "place_last_in": np.log1p(np.minimum(self.at - last_in[channel], 1e12)),
            "place_busy": np.log1p(busy[channel]),
            "share_of_place": pace / (busy[channel] + 0.1),
            "place_rank": np.log1p(place_in),
            "place_new": (self.of["times"] > last_in[channel][:, None]).sum(axis=1).astype(float),
            "place_began": (self.of["first"] > last_in[channel]).astype(float),
        }


def as_matrix(columns: Mapping[str, Array]) -> Array:
    """(n, n_features) in single precision."""
    return np.column_stack([np.asarray(values, dtype=np.float32) for values in columns.values()])


def _ranks(values: Array) -> Array:
    """Log of the rank, the smallest first; equal values in the order given."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.log1p(ranks)


def _signed_log(seconds: Array) -> Array:
    return np.asarray(np.sign(seconds) * np.log1p(np.abs(seconds)))


def _count_since(times: Array, moments: Array) -> Array:
    return np.log1p(len(times) - np.searchsorted(times, moments, "right"))


def _sessions(person: Person, at: float) -> tuple[float, float, float]:
    """When one wrote last, for how long one has been at it without a pause, and the last post before that pause."""
    times = person.times[-N_LOOKED_BACK:]
    last = times[-1]
    if at - last > SESSION_GAP:
        return last, 0.0, last
    for later, earlier in pairwise(reversed(times)):
        if later - earlier > SESSION_GAP:
            return last, at - later, earlier
    return last, at - times[0], times[0]
