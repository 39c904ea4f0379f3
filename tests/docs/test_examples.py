"""The scripts in `examples/` run as they say, on Sail and, where TEST_SPARK_REMOTE names one, on Apache Spark."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.running import ROOT, environment

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.mark.parametrize("remote", [SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def test_the_tour_of_the_feature_store_runs(tmp_path: Path, remote: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "feature_store.py")],
        env=environment(tmp_path / "home", SPARK_REMOTE=remote),
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "|     U1|           12|             30.5|         1|" in done.stdout
    assert "published 2 entities" in done.stdout
    assert "status='present', values={'message_count': 12, 'avg_response_time': 30.5}" in done.stdout
    assert "status='not_found'" in done.stdout
