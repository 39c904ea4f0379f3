"""The short form of `benchmarks/rollouts.py`: few runs, and limits that only something wrong would pass."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "rollouts.py"


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    command = [sys.executable, str(BENCHMARK), "--runs", "20", "--effect", "-0.05", "--effect", "-0.2", "--effect", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    simulated: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["found"]
    return simulated


def test_a_harmful_one_goes_back_before_a_fixed_horizon_would_have_found_it(found: list[dict[str, Any]]) -> None:
    harmful, terrible, _ = found
    assert harmful["promoted"] <= 0.1
    assert harmful["exposures"]["q50"] <= 1.2 * harmful["fixed_horizon"]["exposed"]
    assert terrible["promoted"] == 0
    assert terrible["exposures"]["q90"] < 0.2 * terrible["fixed_horizon"]["exposed"]


def test_a_harmless_one_mostly_comes_through(found: list[dict[str, Any]]) -> None:
    assert found[2]["promoted"] >= 0.7
