"""Experiments on a sample workspace looked at every hour of 14 days: false alarms, and how soon an effect is found.

    python benchmarks/experiment_looks.py analysis|growthbook [--runs N] [--seed 8] [--people N] [--growthbook F]

analysis: A/A tests through the whole analysis: units that come when they are first seen, a metric with its window,
CUPED by the week before, the change relative to control, and the sequence. It is computed for all runs at once, and for
some looks compared with what the service computes (`experiments.compared`). growthbook: beside GrowthBook's sequential
test, run by the Python F that has gbstats (`python -m venv V && V/bin/pip install gbstats==0.8.0`), at the same alpha
and the same planned units, on the same looks. Rates come with their exact 95 % interval. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from quikapp_ml.entities.experiments import Metric
from quikapp_ml.experiments.compared import compare
from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.observed import Observed
from quikapp_ml.experiments.sequential import sequence
from quikapp_ml.importers.sample import SampleConfig, generate

HOURS, WINDOW = 14 * 24, 7 * 24
DONE = ("message", "reaction", "read")
METRIC = Metric(name="activity", of="message", kind="mean")
ALPHA = 0.05
LIFTS = (0.1, 0.2)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What was asked for on the command line."""

    runs: int
    seed: int
    growthbook: Path | None = None
    people: int = 1000


@dataclass(frozen=True)
class World:
    """What each person did in each of the hours of four weeks, of which the last two are the experiment."""

    counts: Array

    @cached_property
    def since(self) -> NDArray[np.int64]:
        """The hour of the experiment in which each was first seen."""
        return np.asarray((self.counts[:, HOURS:] > 0).argmax(axis=1), dtype=np.int64)

    @cached_property
    def before(self) -> Array:
        """What each did in the window before."""
        totals = np.column_stack([np.zeros(len(self.counts)), self.counts.cumsum(axis=1)])
        start, rows = self.since + HOURS, np.arange(len(self.counts))
        return np.asarray(totals[rows, start] - totals[rows, start - WINDOW], dtype=np.float64)

    @cached_property
    def counted(self) -> Array:
        """What each did since, within the window, until the end of each hour."""
        hours = np.arange(HOURS)
        inside = (hours >= self.since[:, None]) & (hours < self.since[:, None] + WINDOW)
        return np.asarray((self.counts[:, HOURS:] * inside).cumsum(axis=1), dtype=np.float64)

    def rows(self, treated: NDArray[np.bool_]) -> pa.Table:
        """As the metric's statement gives them, with hours for days."""
        inside = np.diff(self.counted, axis=1, prepend=0)
        people, hours = np.nonzero(inside)
        first = np.unique(people, return_index=True)[1]
        before = np.zeros(people.size)
        before[first] = self.before[people[first]]
        return pa.table(
            {
                "unit": [f"u{person}" for person in people],
                "variant": np.where(treated[people], "new", "control").tolist(),
                "since": self.since[people] * DAY_MICROS,
                "day": hours,
                "counted": inside[people, hours],
                "out_of": np.zeros(people.size),
                "before": before,
            }
        )


def world(task: Task) -> World:
    """People of a sample workspace; those who do nothing in the last two weeks are left out."""
    seconds, names = [], []
    for event in generate(SampleConfig(users=task.people, days=28, seed=task.seed)):
        if event["type"] in DONE:
            seconds.append(datetime.fromisoformat(event["event_time"]).timestamp())
            names.append(event["user_id"])
    codes, hours = pd.factorize(np.array(names))[0], (np.array(seconds) - min(seconds)) // 3600
    counts = np.zeros((codes.max() + 1, 2 * HOURS))
    np.add.at(counts, (codes, np.minimum(hours.astype(int), 2 * HOURS - 1)), 1)
    return World(counts[counts[:, HOURS:].any(axis=1)])


@dataclass(frozen=True)
class Group:
    """One variant of every run at one look: its size, means, and sums of squares and products around them."""

    units: Array
    before: Array
    counted: Array
    before_squares: Array
    products: Array
    counted_squares: Array

    @classmethod
    def of(cls, members: Array, before: Array, counted: Array) -> "Group":
        """Of units with what they did; `members` has a row a run."""
        units = members.sum(axis=1)
        sums = members @ np.column_stack([before, counted, before**2, before * counted, counted**2])
        x, y = sums[:, 0] / units, sums[:, 1] / units
        squares = (sums[:, 2] - units * x**2, sums[:, 3] - units * x * y, sums[:, 4] - units * y**2)
        return cls(units, x, y, *squares)

    def error(self, slope: Array) -> Array:
        """The variance of the mean, of what the past did not foretell by this slope."""
        rest = self.counted_squares - 2 * slope * self.products + slope**2 * self.before_squares
        return np.asarray(rest / (self.units - 1) / self.units, dtype=np.float64)


def relative_effects(control: Group, treated: Group) -> list[Effect]:
    """What `compare` says of a mean with a past: CUPED, over control's mean by the delta method."""
    units = control.units + treated.units
    slope = (control.products + treated.products) / (control.before_squares + treated.before_squares)
    effect = treated.counted - control.counted - slope * (treated.before - control.before)
    variance = (control.error(slope) + treated.error(slope)) * (units - 2) / (units - 3)
    lift = effect / control.counted
    own = control.error(control.products / control.before_squares) * (2 * control.units - 2) / (2 * control.units - 3)
    total = np.maximum(variance + ((1 + lift) ** 2 - 1) * own, 0)
    columns = zip(lift, np.sqrt(total) / control.counted, units, strict=True)
    return [Effect(float(change), float(error), int(n)) for change, error, n in columns]


def analysis(task: Task) -> dict[str, Any]:
    """False positives of the whole analysis, at any of the hourly looks; and at the last, looked at only once."""
    random, seen = np.random.default_rng(task.seed), world(task)
    people = len(seen.counts)
    treated = random.integers(0, 2, (task.runs, people)).astype(bool)
    found, last, cut = np.zeros(task.runs, dtype=bool), np.zeros(task.runs, dtype=bool), 0.0
    checked = check(seen, treated[:2])
    for hour in range(HOURS):
        known = seen.since <= hour
        if known.sum() < 20:
            continue
        before, counted = seen.before[known], seen.counted[known, hour]
        groups = [Group.of(part[:, known].astype(float), before, counted) for part in (~treated, treated)]
        effects = relative_effects(*groups)
        found |= [sequence(each, people, ALPHA).excludes_zero for each in effects]
        last = np.array([abs(each.estimate) > 1.96 * each.standard_error for each in effects])
        cut = float(np.corrcoef(before, counted)[0, 1] ** 2)
    shares = {"sequence": int(found.sum()), "fixed_once": int(last.sum())}
    told = {name: rate(many, task.runs) for name, many in shares.items()}
    return {
        "people": people,
        "looks": HOURS,
        "looks_checked": checked,
        "variance_cut_at_the_end": round(cut, 3),
        **told,
    }


def check(seen: World, assignments: NDArray[np.bool_]) -> int:
    """Compare looks with what the service computes; returns how many were equal, or fails."""
    looks = 0
    for treated in assignments:
        observed = Observed(seen.rows(treated), METRIC)
        for hour in (20, 100, 200, HOURS - 1):
            theirs = compare(METRIC, "user", *observed.samples(["control", "new"], hour)).effect
            known = seen.since <= hour
            parts = [(side[known][None, :]).astype(float) for side in (~treated, treated)]
            groups = [Group.of(part, seen.before[known], seen.counted[known, hour]) for part in parts]
            (ours,) = relative_effects(*groups)
            if theirs is None or not np.allclose(
                [ours.estimate, ours.standard_error, ours.units],
                [theirs.estimate, theirs.standard_error, theirs.units],
                rtol=1e-9,
            ):
                raise AssertionError(f"at hour {hour} the service computes {theirs}, this benchmark {ours}")
            looks += 1
    return looks


def growthbook(task: Task) -> dict[str, Any]:
    """When each finds what a variant lifts, and how often what it does not."""
    random, seen = np.random.default_rng(task.seed), world(task)
    people = len(seen.counts)
    answer: dict[str, Any] = {"people": people, "alpha": ALPHA, "planned": people}
    for lift in (0.0, *LIFTS):
        looks = [looks_of(seen, random.integers(0, 2, people).astype(bool), lift) for _ in range(task.runs)]
        tests = {"ours": [ours_at(each, people) for each in looks]}
        if task.growthbook is not None:
            tests["growthbook"] = theirs_at(task.growthbook, looks, people)
            tests["growthbook_as_it_comes"] = theirs_at(task.growthbook, looks, 5_000)
        answer[f"lift_{lift:.0%}"] = {name: summary(found, task.runs) for name, found in tests.items()}
    return answer


def looks_of(seen: World, treated: NDArray[np.bool_], lift: float) -> list[list[float]]:
    """Units, sum and sum of squares of control, then of treatment, hour by hour."""
    known = seen.since[:, None] <= np.arange(HOURS)
    done = seen.counted * np.where(treated, 1 + lift, 1)[:, None]
    parts = [part for side in (~treated, treated) for part in (known[side], done[side], done[side] ** 2)]
    table = np.column_stack([part.sum(axis=0) for part in parts]).astype(float)
    return [[float(value) for value in row] for row in table[(table[:, 0] > 1) & (table[:, 3] > 1)]]


def ours_at(looks: list[list[float]], planned: int) -> int | None:
    """The first look at which the sequence around the difference excludes 0."""
    for place, (n_a, sum_a, squares_a, n_b, sum_b, squares_b) in enumerate(looks):
        parts = [(squares - total**2 / n) / (n - 1) / n for n, total, squares in
                 ((n_a, sum_a, squares_a), (n_b, sum_b, squares_b))]  # fmt: skip
        effect = Effect(sum_b / n_b - sum_a / n_a, sqrt(max(sum(parts), 0.0)), int(n_a + n_b))
        if sequence(effect, planned, ALPHA).excludes_zero:
            return place
    return None


def theirs_at(python: Path, looks: list[list[list[float]]], planned: int) -> list[int | None]:
    lines = [json.dumps({"alpha": ALPHA, "planned": planned, "looks": each}) for each in looks]
    program = [str(python), str(Path(__file__).parent / "peers" / "growthbook.py")]
    done = subprocess.run(program, input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} could not run GrowthBook's test: {done.stderr[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(found: list[int | None], runs: int) -> dict[str, Any]:
    """How many found something, and the hour at which half of all runs had."""
    places = np.array([np.inf if one is None else one for one in found])
    median = float(np.median(places))
    return {"found": rate(int(np.isfinite(places).sum()), runs), "median_look": median if np.isfinite(median) else None}


def rate(found: int, runs: int) -> dict[str, Any]:
    """A share with its interval."""
    interval = stats.binomtest(found, runs).proportion_ci()
    return {"rate": round(found / runs, 4), "interval": [round(interval.low, 4), round(interval.high, 4)]}


PARTS: dict[str, tuple[Callable[[Task], dict[str, Any]], int]] = {
    "analysis": (analysis, 2000),
    "growthbook": (growthbook, 100),
}
"""Each part, and its runs where none are asked for."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--growthbook", type=Path)
    parser.add_argument("--people", type=int, default=1000)
    given = parser.parse_args(arguments)
    simulate, usual = PARTS[given.part]
    task = Task(given.runs or usual, given.seed, given.growthbook, given.people)
    print(json.dumps({"part": given.part, "runs": task.runs, "seed": task.seed, **simulate(task)}))


if __name__ == "__main__":
    main(sys.argv[1:])
