"""How often the statistics of experiments err, and what they find: on simulated truth and on real chat.

    python benchmarks/experiments.py aa|sample-ratio|cuped|clusters|off-policy|bandit [--runs N] [--seed 8] [--chat F]

aa: A/A tests on the activity of the sample workspace, looked at every hour of 14 days. sample-ratio: 50 : 51 and fair
arrivals of 200,000 units, looked at every 1,000. cuped: activity in fortnights of the chat in FILE (columns user_id,
unix_seconds). clusters: A/A tests of channels whose messages depend on each other. off-policy: policies whose value is
known. bandit: four variants, 20,000 units, learnt from 40 times. Rates come with their exact 95 % interval (Clopper and
Pearson). The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import inf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from quikapp_ml.experiments.adaptive import AdaptiveSplit
from quikapp_ml.experiments.assignment import Split, Variant, Why
from quikapp_ml.experiments.bandits import Arm, propensities
from quikapp_ml.experiments.cluster import clustered_effect
from quikapp_ml.experiments.cuped import cuped_effect
from quikapp_ml.experiments.effects import Effect, fixed_interval, mean_effect
from quikapp_ml.experiments.off_policy import Log, OffPolicy, doubly_robust, ips, snips
from quikapp_ml.experiments.reward_model import Choices, cross_fitted
from quikapp_ml.experiments.sample_ratio import mismatch_p_value
from quikapp_ml.experiments.sequential import sequence
from quikapp_ml.importers.sample import SampleConfig, generate

HOURS = 14 * 24
FORTNIGHT = 14 * 86_400
CHAT = Path("../shared/data/chat/community_chat_events.parquet")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What was asked for on the command line."""

    runs: int
    seed: int
    chat: Path = CHAT

    def random(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def rate(found: int, runs: int) -> dict[str, Any]:
    """A share with its interval."""
    interval = stats.binomtest(found, runs).proportion_ci()
    return {"rate": round(found / runs, 4), "interval": [round(interval.low, 4), round(interval.high, 4)]}


def activity(people: int, seed: int) -> Array:
    """What each person of a sample workspace did until each hour of the fortnight: people by hours."""
    seconds, names = [], []
    for event in generate(SampleConfig(users=people, days=14, seed=seed)):
        if event["type"] in ("message", "reaction", "read"):
            seconds.append(datetime.fromisoformat(event["event_time"]).timestamp())
            names.append(event["user_id"])
    codes, hours = pd.factorize(np.array(names))[0], (np.array(seconds) - min(seconds)) // 3600
    counts = np.zeros((codes.max() + 1, HOURS))
    np.add.at(counts, (codes, np.minimum(hours.astype(int), HOURS - 1)), 1)
    return counts.cumsum(axis=1)


def hourly_effects(totals: Array, treated: Array) -> list[Effect]:
    """The difference at every hour, among those who have been seen by then."""
    arms = []
    for arm in (1 - treated, treated):
        units = np.maximum(arm @ (totals > 0), 2)
        mean = arm @ totals / units
        variance = np.maximum(arm @ totals**2 / units - mean**2, 0) / (units - 1)
        arms.append((units, mean, variance))
    (n_first, first, first_error), (n_second, second, second_error) = arms
    columns = zip(second - first, np.sqrt(first_error + second_error), n_first + n_second, strict=True)
    return [Effect(float(estimate), float(error), int(units)) for estimate, error, units in columns]


def aa(task: Task) -> dict[str, Any]:
    """False positives of the sequence, and of the fixed interval looked at as often."""
    random, totals = task.random(), activity(1000, task.seed)
    sequential = peeked = last = 0
    for _ in range(task.runs):
        effects = hourly_effects(totals, random.integers(0, 2, len(totals)).astype(float))
        sequential += any(sequence(effect, len(totals)).excludes_zero for effect in effects)
        z = np.array([abs(one.estimate) / (one.standard_error or inf) for one in effects if one.units >= 100])
        peeked += bool((z > 1.96).any())
        last += bool(z[-1] > 1.96)
    shares = {"sequence": sequential, "fixed_at_every_look": peeked, "fixed_once": last}
    return {"people": len(totals), **{name: rate(found, task.runs) for name, found in shares.items()}}


def sample_ratio(task: Task) -> dict[str, Any]:
    """When 50 : 51 is found, and how often fair arrivals raise an alarm, at p < 0.01."""
    random, totals = task.random(), np.arange(1, 201) * 1000

    def found_at(share: float) -> float:
        arrived = random.binomial(1000, share, 200).cumsum()
        looks = zip(totals, arrived, strict=True)
        return next((float(n) for n, k in looks if mismatch_p_value([n - k, k], [0.5, 0.5]) < 0.01), inf)

    mismatched = np.array([found_at(51 / 101) for _ in range(task.runs)])
    fair = sum(found_at(0.5) < inf for _ in range(task.runs))
    even = next((n for n in totals if mismatch_p_value(divided(int(n)), [0.5, 0.5]) < 0.01), None)
    median = float(np.median(mismatched))
    return {
        "found": rate(int((mismatched < inf).sum()), task.runs),
        "found_by_120000": rate(int((mismatched <= 120_000).sum()), task.runs),
        "found_by_a_test_that_looks_once": {units: round(fixed_power(units), 4) for units in (120_000, 200_000)},
        "found_at_median": median if median < inf else None,
        "found_at_in_exact_proportion": None if even is None else int(even),
        "false_alarms": rate(fair, task.runs),
    }


def fixed_power(units: int, level: float = 0.01) -> float:
    """How often the best test of one look, at so many units, finds 50 : 51; looking more often is no better."""
    bound, expected = stats.norm.isf(level / 2), (51 / 101 - 0.5) * 2 * sqrt(units)
    return float(stats.norm.sf(bound - expected) + stats.norm.cdf(-bound - expected))


def divided(units: int) -> tuple[int, int]:
    """So many units as 50 : 51."""
    first = round(units * 50 / 101)
    return first, units - first


def cuped(task: Task) -> dict[str, Any]:
    """The variance that is cut in a fortnight, over `runs` fortnights, among people seen in the eight weeks before.

    It is not what the method says of itself, but how estimates of 100 random splits vary, with CUPED and without.
    """
    random = task.random()
    events = pd.read_parquet(task.chat, columns=["user_id", "unix_seconds"]).sort_values("unix_seconds")
    seconds, people = events["unix_seconds"].to_numpy(), pd.factorize(events["user_id"])[0]
    cuts: dict[str, list[float]] = {"messages": [], "messages_capped": [], "log_messages": [], "active_days": []}
    sizes = []
    for start in random.integers(seconds[0] + 4 * FORTNIGHT, seconds[-1] - FORTNIGHT, task.runs):
        messages, days = fortnights(seconds, people, int(start))
        capped = np.minimum(messages, np.quantile(messages[:, :4], 0.99))
        for name, history in zip(cuts, (messages, capped, np.log1p(messages), days), strict=True):
            cuts[name].append(cut_by_splits(history, random))
        sizes.append(len(messages))
    spread = {name: np.round(np.quantile(values, [0.1, 0.5, 0.9]), 3).tolist() for name, values in cuts.items()}
    return {"people_median": float(np.median(sizes)), "cut_10_50_90": spread}


def cut_by_splits(history: Array, random: np.random.Generator) -> float:
    """What the last column's own past, its last value and its mean, takes off the variance of effects."""
    outcome, before = history[:, 4], np.column_stack([history[:, 3], history[:, :4].mean(axis=1)])
    plain, adjusted = [], []
    for _ in range(100):
        treated = random.permutation(np.arange(outcome.size) % 2 == 0)
        halves = outcome[~treated], outcome[treated]
        plain.append(mean_effect(*halves).estimate)
        adjusted.append(cuped_effect(*halves, before[~treated], before[treated]).effect.estimate)
    return float(1 - np.var(adjusted) / np.var(plain))


def fortnights(seconds: NDArray[np.int64], people: NDArray[np.intp], start: int) -> tuple[Array, Array]:
    """Messages and active days of each person: four fortnights before the start, and the one after it."""
    low, high = np.searchsorted(seconds, [start - 4 * FORTNIGHT, start + FORTNIGHT])
    when, who = seconds[low:high] - start, people[low:high]
    seen = np.unique(who[when < 0])
    known = np.isin(who, seen)
    rows, columns = np.searchsorted(seen, who[known]), when[known] // FORTNIGHT + 4
    messages = np.zeros((seen.size, 5))
    np.add.at(messages, (rows, columns), 1)
    active = np.unique(np.column_stack([rows, when[known] // 86_400]), axis=0)
    days = np.zeros((seen.size, 5))
    np.add.at(days, (active[:, 0], active[:, 1] // 14 + 4), 1)
    return messages, days


def clusters(task: Task) -> dict[str, Any]:
    """False positives where channels are assigned and messages are counted, with and without clusters."""
    random = task.random()
    naive = robust = 0
    for _ in range(task.runs):
        sizes = np.clip(random.lognormal(3, 0.7, 200), 1, 400).astype(int)
        channels = np.repeat(np.arange(200), sizes)
        values = random.normal(size=channels.size) + random.normal(0, 0.4, 200)[channels]
        treated = random.permutation(np.arange(200) % 2 == 0)[channels]
        naive += fixed_interval(mean_effect(values[~treated], values[treated])).excludes_zero
        robust += fixed_interval(clustered_effect(values, treated, channels)).excludes_zero
    return {"channels": 200, "naive": rate(naive, task.runs), "clustered": rate(robust, task.runs)}


ESTIMATORS = ("ips", "snips", "doubly_robust", "doubly_robust_of_true_rewards")
"""The last one knows what no model can: it is as narrow as an estimate without bias gets."""


def off_policy(task: Task) -> dict[str, Any]:
    """How often the interval holds the true value, and how wide it is, over `runs` policies."""
    random = task.random()
    covered, widths = dict.fromkeys(ESTIMATORS, 0), []
    for _ in range(task.runs):
        truth, estimates = one_policy(random)
        intervals = [fixed_interval(one.value) for one in estimates]
        for name, interval in zip(covered, intervals, strict=True):
            covered[name] += interval.low <= truth <= interval.high
        widths.append([interval.high - interval.low for interval in intervals])
    relative = np.median(np.array(widths) / np.array(widths)[:, :1], axis=0).round(3)
    answers = {name: rate(found, task.runs) for name, found in covered.items()}
    return {"covers": answers, "width_against_ips": dict(zip(covered, relative.tolist(), strict=True))}


def one_policy(random: np.random.Generator) -> tuple[float, list[OffPolicy]]:
    """A policy's true value, and its estimates from 4,000 decisions of another with an even floor of 10 %."""
    arms, features, decisions = 5, 4, 4_000
    taste, logging, target = random.normal(0, 1, (3, features, arms))

    def world(rows: int) -> tuple[Array, Array, Array, Array]:
        context = random.normal(size=(rows, features))
        expected = 1 / (1 + np.exp(1 - context @ taste))
        return context, expected, floored(context @ logging), floored(context @ target)

    def floored(scores: Array) -> Array:
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed: Array = 0.1 / arms + 0.9 * shares / shares.sum(axis=1, keepdims=True)
        return mixed

    def decided(rows: int) -> tuple[Array, NDArray[np.intp], Array, Array, Array]:
        context, expected, shares, wanted = world(rows)
        chosen = np.minimum((shares.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1), arms - 1)
        return context, chosen, (random.random(rows) < expected[np.arange(rows), chosen]).astype(float), shares, wanted

    _, expected, _, wanted = world(50_000)
    truth, rows = float((expected * wanted).sum(axis=1).mean()), np.arange(decisions)
    context, chosen, rewards, shares, target_shares = decided(decisions)
    log = Log(rewards, shares[rows, chosen], target_shares[rows, chosen])
    model = cross_fitted(Choices(context, chosen, rewards, target_shares))
    right = 1 / (1 + np.exp(1 - context @ taste))
    known = doubly_robust(log, right[rows, chosen], (right * target_shares).sum(axis=1))
    return truth, [ips(log), snips(log), doubly_robust(log, model.made, model.target), known]


CHANCES = {"control": 0.10, "worse": 0.08, "better": 0.12, "best": 0.15}
LESSONS, UNITS_EACH = 40, 500


def bandit(task: Task) -> dict[str, Any]:
    """What a bandit saves of the rewards that an even split loses, and whether its even part still tells the truth."""
    random, best = task.random(), max(CHANCES.values())
    kept, last, covered, off = [], [], 0, []
    for run in range(task.runs):
        seen = one_bandit(f"run-{task.seed}-{run}", random)
        adaptive = seen["why"] == Why.BANDIT
        even_loss = best - np.mean(list(CHANCES.values()))
        kept.append(1 - (best - seen["chance"][adaptive].mean()) / even_loss)
        last.append((seen["variant"][-UNITS_EACH:][adaptive[-UNITS_EACH:]] == "best").mean())
        even = {name: seen["reward"][~adaptive & (seen["variant"] == name)] for name in ("control", "best")}
        interval = sequence(mean_effect(even["control"], even["best"]), 2_000)
        covered += interval.low <= CHANCES["best"] - CHANCES["control"] <= interval.high
        weights = (seen["variant"][adaptive] == "control") / seen["propensity"][adaptive]
        off.append(float((weights * seen["reward"][adaptive]).mean()) - CHANCES["control"])
    return {
        "loss_saved_10_50_90": np.quantile(kept, [0.1, 0.5, 0.9]).round(3).tolist(),
        "best_share_at_the_end_10_50_90": np.quantile(last, [0.1, 0.5, 0.9]).round(3).tolist(),
        "even_part_covers": rate(covered, task.runs),
        "ips_of_control_off_by": [round(float(np.mean(off)), 5), round(float(np.std(off) / sqrt(task.runs)), 5)],
    }


def one_bandit(salt: str, random: np.random.Generator) -> pd.DataFrame:
    """Every unit of one run: its part, variant, propensity, chance and reward."""
    even = Split(salt, [Variant(name, 1 / len(CHANCES)) for name in CHANCES])
    won, lost = dict.fromkeys(CHANCES, 0.0), dict.fromkeys(CHANCES, 0.0)
    rows = []
    for lesson in range(LESSONS):
        shares = propensities([Arm(won[name], lost[name]) for name in CHANCES], 0.1)
        split = AdaptiveSplit(even, 0.2, dict(zip(CHANCES, shares.tolist(), strict=True)))
        for unit in range(UNITS_EACH):
            given = split.assign(f"{lesson}-{unit}")
            variant = str(given.variant)
            reward = float(random.random() < CHANCES[variant])
            won[variant] += reward
            lost[variant] += 1 - reward
            rows.append((given.why.value, variant, given.propensity, CHANCES[variant], reward))
    return pd.DataFrame(rows, columns=["why", "variant", "propensity", "chance", "reward"])


PARTS: dict[str, tuple[Callable[[Task], dict[str, Any]], int]] = {
    "aa": (aa, 2000),
    "sample-ratio": (sample_ratio, 2000),
    "cuped": (cuped, 100),
    "clusters": (clusters, 2000),
    "off-policy": (off_policy, 500),
    "bandit": (bandit, 200),
}
"""Each part, and its runs where none are asked for."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--chat", type=Path, default=CHAT)
    given = parser.parse_args(arguments)
    simulate, usual = PARTS[given.part]
    task = Task(given.runs or usual, given.seed, given.chat)
    print(json.dumps({"part": given.part, "runs": task.runs, "seed": task.seed, **simulate(task)}))


if __name__ == "__main__":
    main(sys.argv[1:])
