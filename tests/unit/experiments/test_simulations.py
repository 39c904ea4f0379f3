"""The short forms of `benchmarks/experiment*.py`: few runs, and limits that only something wrong would pass."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def simulated(part: str, runs: int, *more: str, script: str = "experiments") -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), part, "--runs", str(runs), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_looking_every_hour_fools_nobody() -> None:
    found = simulated("aa", 40)
    assert found["sequence"]["rate"] <= 0.1
    assert found["fixed_at_every_look"]["rate"] > found["sequence"]["rate"]


def test_the_whole_analysis_is_fooled_no_more_often_and_computed_as_the_service_does() -> None:
    found = simulated("analysis", 20, "--people", "200", script="experiment_looks")
    assert found["sequence"]["rate"] <= 0.25
    assert found["looks_checked"] == 8


def test_a_lift_is_found_at_a_look_before_the_end() -> None:
    found = simulated("growthbook", 3, "--people", "300", script="experiment_looks")
    assert found["lift_20%"]["ours"]["median_look"] < 14 * 24
    assert found["lift_0%"]["ours"]["found"]["rate"] < 1


def test_a_sample_ratio_mismatch_is_found_and_fair_arrivals_are_not() -> None:
    found = simulated("sample-ratio", 20)
    assert found["found_at_in_exact_proportion"] <= 120_000
    assert found["found"]["rate"] >= 0.75
    assert found["false_alarms"]["rate"] <= 0.05


def test_channels_that_are_clusters_fool_only_the_naive_test() -> None:
    found = simulated("clusters", 60)
    assert found["naive"]["rate"] > 0.2
    assert found["clustered"]["rate"] <= 0.15


def test_off_policy_intervals_hold_the_truth() -> None:
    found = simulated("off-policy", 12)
    assert found["covers"]["doubly_robust"]["rate"] >= 0.75
    assert found["width_against_ips"]["doubly_robust"] < 1


def test_a_bandit_loses_less_and_its_even_part_tells_the_truth() -> None:
    found = simulated("bandit", 3)
    assert found["loss_saved_10_50_90"][1] > 0.4
    assert found["best_share_at_the_end_10_50_90"][1] > 0.6
    off, error = found["ips_of_control_off_by"]
    assert abs(off) < max(6 * error, 0.02)


def test_habits_foretell_activity(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    people = np.repeat([f"u{place}" for place in range(200)], random.geometric(0.02, 200))
    seconds = 1_600_000_000 + random.integers(0, 180 * 86_400, people.size)
    pd.DataFrame({"user_id": people, "unix_seconds": seconds}).to_parquet(tmp_path / "chat.parquet")
    found = simulated("cuped", 2, "--chat", str(tmp_path / "chat.parquet"))
    assert found["cut_10_50_90"]["messages"][1] == pytest.approx(0.6, abs=0.35)
