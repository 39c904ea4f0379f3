"""How many get a harmful model before its rollout goes back, and how often a harmless one does not come through.

    scripts/bench rollouts [--runs 200] [--seed 8] [--effect -0.05]

Units come in lots, each unit once at a step and anew at the next, and count Poisson(1) clicks, or 1 + effect of it with
the challenger. After each lot the guard looks, as the service does: the same verdicts by the same intervals. The fixed
horizon is what a test half by half needs to find the effect four times in five (two-sided α = 5 %), looked at once.
Exposures are units that got the challenger, all steps together. The last line is JSON.
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from typing import Any

import numpy as np

from quikapp_ml.entities.experiments import Guardrail
from quikapp_ml.entities.rollouts import SHARES
from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.power import units_needed
from quikapp_ml.experiments.readings import Told, of_guardrail
from quikapp_ml.experiments.results import Arrivals, ExperimentResults, MetricResult
from quikapp_ml.experiments.rollout import (
    ENDED,
    PROMOTED,
    ROLLED_BACK,
    Limits,
    planned_units,
    share_of,
    stages_of,
    step_evidence,
    verdict,
)
from quikapp_ml.experiments.sample_ratio import mismatch_p_value
from quikapp_ml.experiments.sequential import sequence

ALPHA = 0.05
GUARDRAIL = Guardrail(name="clicks", of="click", at_most=0.05)
LIMITS = Limits(least_units=50, least_hours=0.0, at_most_errors=0.01, at_most_slower=0.5)
LOT = 500
MOST_LOTS = 5_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAGES = stages_of(SHARES)


class Arm:
    """What the units of one variant did, as sums."""

    def __init__(self) -> None:
        self.units = self.total = self.squares = 0.0

    def add(self, counts: np.ndarray[Any, Any]) -> None:
        """One lot more."""
        self.units += counts.size
        self.total += float(counts.sum())
        self.squares += float((counts**2).sum())

    @property
    def mean(self) -> float:
        """Of a unit."""
        return self.total / self.units

    @property
    def error(self) -> float:
        """Squared standard error of the mean."""
        return (self.squares / self.units - self.mean**2) / self.units


@dataclass
class Run:
    """How one rollout went."""

    stage: str
    exposures: int
    units: int


def run(random: np.random.Generator, effect: float, planned: int, least_units: int = 50) -> Run:
    """One rollout from 1 % to its end."""
    limits = Limits(least_units, 0.0, LIMITS.at_most_errors, LIMITS.at_most_slower)
    stage, exposures, units, last = str(SHARES[0]), 0, 0, ""
    control, treated = Arm(), Arm()
    for _ in range(MOST_LOTS):
        share = share_of(stage)
        n_treated = int(random.binomial(LOT, share))
        control.add(random.poisson(1.0, LOT - n_treated))
        treated.add(random.poisson(1.0 + effect, n_treated))
        exposures, units, last = exposures + n_treated, units + LOT, stage
        following = share_of(STAGES[STAGES.index(stage) + 1])
        found = results(control, treated, share, planned_units(planned, share, following))
        stage = verdict(stage, SHARES, step_evidence(found, 1.0, share, following, limits)).stage
        if stage in ENDED:
            break
        if stage != last:
            control, treated = Arm(), Arm()
    return Run(f"{stage} from {last}" if stage == ROLLED_BACK else stage, exposures, units)


def results(control: Arm, treated: Arm, share: float, planned: int) -> ExperimentResults:
    """What the experiment of a step says, as the service would tell it."""
    counts = (int(control.units), int(treated.units))
    p_value = mismatch_p_value(counts, (1 - share, share)) if 0 < share < 1 and all(counts) else None
    arrivals = Arrivals(dict(zip(("champion", "challenger"), counts, strict=True)), 0, 0, p_value, "", [])
    metrics = [clicks(control, treated, planned)] if control.units and treated.units > 1 else []
    return ExperimentResults("rollout", "", "user", NOW, arrivals, metrics, [])


def clicks(control: Arm, treated: Arm, planned: int) -> MetricResult:
    """The guardrail, by the delta method."""
    lift = treated.mean / control.mean - 1
    error = sqrt(treated.error + (1 + lift) ** 2 * control.error) / control.mean
    effect = Effect(lift, error, int(control.units + treated.units))
    interval = sequence(effect, planned, ALPHA)
    reading = of_guardrail(Told("clicks", effect, interval, "user"), GUARDRAIL, planned, ALPHA)
    return MetricResult(
        "clicks", "click", "mean", "guardrail", "challenger", reading.finding, reading.sentence, effect.units,
        control.mean, treated.mean, lift, interval.low, interval.high, at_most=GUARDRAIL.at_most, worse="lower",
    )  # fmt: skip


def simulate(runs: int, seed: int, effect: float, harm: float = -0.05) -> dict[str, Any]:
    """So many rollouts of a model with this effect, planned for finding `harm`."""
    random, needed = np.random.default_rng(seed), units_needed(harm, 1.0)
    done = [run(random, effect, needed) for _ in range(runs)]
    exposures = np.array([one.exposures for one in done])
    quantiles = {f"q{round(100 * part)}": int(np.quantile(exposures, part)) for part in (0.1, 0.5, 0.9)}
    return {
        "effect": effect,
        "ends": dict(Counter(one.stage for one in done).most_common()),
        "promoted": round(sum(one.stage == PROMOTED for one in done) / runs, 3),
        "exposures": quantiles,
        "units_in_experiments": int(np.median([one.units for one in done])),
        "fixed_horizon": {"units": needed, "exposed": needed // 2},
    }


def main() -> None:
    """Run it, print what came out and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--effect", type=float, action="append")
    options = parser.parse_args()
    found = [simulate(options.runs, options.seed, effect) for effect in options.effect or (-0.05, -0.2, 0.0, 0.05)]
    for one in found:
        print(one)
    print(json.dumps({"simulation": "rollouts", "runs": options.runs, "seed": options.seed, "found": found}))


if __name__ == "__main__":
    main()
