"""The same log and the same versions give the same list, byte for byte, in any process."""

import inspect
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from quikapp_ml import bootstrap
from quikapp_ml.bootstrap import open_service
from quikapp_ml.settings import Settings
from support import asking
from support.delivering import lists, sample_events

USERS, DAYS = 25, 7
NOW = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
ONLINE = "online.db*"
"""What a home counts its answers from; without it they are counted again from the tables."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has taken a sample chat, and is closed."""
    home = tmp_path_factory.mktemp("same") / "home"
    with closing(open_service(Settings.from_environment(environment(home)))) as service:
        service.start_intake()
        for some in lists(sample_events(USERS, DAYS)):
            service.intake.accept_now(some, datetime.now(UTC))
    return home


def environment(home: Path) -> dict[str, str]:
    return {
        "QUIKAPP_ML_HOME": str(home), "MLFLOW_TRACKING_URI": "memory://", "QUIKAPP_ML_RUN_SCHEDULES": "false",
    }  # fmt: skip


def answers_of(home: Path, hash_seed: str) -> list[bytes]:
    """What a process of its own answers from this home; sets and dictionaries are hashed its own way."""
    sources = [Path(inspect.getfile(bootstrap)).parents[1], Path(inspect.getfile(asking)).parents[1]]
    asked = subprocess.run(
        [sys.executable, inspect.getfile(asking), str(NOW)],
        env={
            **os.environ, **environment(home),
            "PYTHONPATH": os.pathsep.join(map(str, sources)), "PYTHONHASHSEED": hash_seed,
        },
        stdout=subprocess.PIPE, check=True, timeout=120,
    )  # fmt: skip
    return asked.stdout.splitlines()


def test_two_processes_give_the_same_lists_byte_for_byte(home: Path, tmp_path: Path) -> None:
    """Recommendations and rankings; the third has lost its counts, and takes them from the tables again."""
    copies = [Path(shutil.copytree(home, tmp_path / name)) for name in ("one", "other", "again")]
    for lost in copies[-1].glob(ONLINE):
        lost.unlink()
    one, other, again = (answers_of(copy, str(seed)) for seed, copy in enumerate(copies, start=1))
    parsed = [orjson.loads(line) for line in one]
    assert len(parsed) > 2 * USERS
    assert sum(len(each.get("recommendations", ())) for each in parsed) > 10 * USERS
    assert not any(each.get("degraded") for each in parsed)
    assert other == one
    assert again == one
