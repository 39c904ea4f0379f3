"""`kill -9` at the steps of each stage of the night: the next run ends as one that was never killed, no row twice."""

import inspect
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.training.trainer import train
from support import stages
from support.stages import Task, registry_in, told

KILLS = 3
VOLATILE = {"run_id", "checked_at", "quarantined_at", "moved_at", "decided_at", "last_updated", "ingest_time"}
"""Times, and the name of a run: they differ from one clean run to the next."""

Rows = dict[str, list[bytes]]


@dataclass
class Night:
    """A home with the state before a stage kept aside, and a process that carries stages out in it."""

    home: Path
    process: subprocess.Popen[str]

    def run(self, stage: str, killed_at: int = 0) -> int:
        """The exit status of the stage."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(told(Task(stage, str(self.home), killed_at)))
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def keep(self) -> None:
        """Keep the home as it is."""
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.home, self.kept)

    def go_back(self) -> None:
        """Bring the home back to what was kept: in its own place, for MLflow names places."""
        shutil.rmtree(self.home)
        shutil.copytree(self.kept, self.home)

    @property
    def kept(self) -> Path:
        return self.home.parent / "kept"

    @property
    def steps(self) -> int:
        return int((self.home / "steps").read_text())

    def rows(self) -> Rows:
        """All tables, without what differs from run to run."""
        lake = DeltaLake(str(self.home / "lakehouse"))
        return {name: sorted(map(comparable, lake.read(name).to_pylist())) for name in lake.names()}

    def models(self) -> dict[tuple[str, str], Any]:
        """What each alias stands for: measures, the versions that were learnt from, and what was learnt."""
        registry = registry_in(self.home)
        return {
            (name, alias): (version.metrics, version.table_versions, learnt(registry, name, version.number, self.home))
            for name in registry.names()
            for version in registry.versions(name)
            for alias in version.aliases
        }


def comparable(row: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in row.items() if name not in VOLATILE})


def learnt(registry: ModelRegistry, name: str, number: int, home: Path) -> list[Any]:
    folder = home / "looked-at" / f"{name}-{number}"
    if not folder.exists():
        registry.fetch(name, number, folder)
    with np.load(folder / "arrays.npz") as arrays:
        return [(each, arrays[each].tolist()) for each in sorted(arrays.files)]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Everything is there that the first stage needs."""
    sources = [Path(inspect.getfile(train)).parents[2], Path(inspect.getfile(stages)).parents[1]]
    with subprocess.Popen(
        [sys.executable, inspect.getfile(stages)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        night = Night(tmp_path_factory.mktemp("night") / "home", process)
        assert night.run("prepare") == 0
        yield night
        process.kill()


@pytest.mark.parametrize("stage", ["quality_gate", "model_training", "model_deployment", "user_embeddings"])
def test_after_a_kill_the_next_run_ends_as_a_clean_one(night: Night, stage: str) -> None:
    """Stages come in the order of the night, each in the home that the one before left."""
    night.keep()
    assert night.run(stage) == 0
    steps, rows, models = night.steps, night.rows(), night.models()
    assert steps > 2
    for killed_at in np.linspace(2, steps - 1, KILLS).astype(int).tolist():  # after its last step a stage has ended
        night.go_back()
        assert night.run(stage, killed_at) == -signal.SIGKILL
        assert night.run(stage) == 0
        assert night.rows() == rows, f"killed at step {killed_at} of {steps}"
        assert night.models() == models, f"killed at step {killed_at} of {steps}"
