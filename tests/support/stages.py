"""The stages of the nightly pipeline, to be killed at any step: `python stages.py`, told by lines of JSON what to do.

It forks for every stage, so that one begins in milliseconds: everything is imported, and nothing is started yet. Steps
are counted: each write to the lake, before it and after it, each commit of a database, each file that is opened to be
written, made, moved or deleted in the home. A stage that is to be killed at a step kills itself there.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from quikapp_ml.entities.events import parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.jobs.model_deployment import decide_all
from quikapp_ml.jobs.user_embeddings import embed_everybody
from quikapp_ml.stores.lake.base import Table, Transaction
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.registry.mlflow import MlflowRegistry
from quikapp_ml.training.embeddings import EmbeddingsRecipe
from quikapp_ml.training.expectations import Expectation, NotInFuture, NotNull, OneOf, Outcome, Unique
from quikapp_ml.training.quality import check_tables
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import train
from support.chats import LATEST
from support.logs import table_of
from support.toy_model import READINGS, Threshold, ThresholdRecipe, readings, save_starter

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
NOTES = Table(
    "quikapp_ml.silver.notes",
    pa.schema([("id", pa.string()), ("label", pa.string()), ("at", pa.timestamp("us", "UTC"))]),
    ("id",),
    "Notes, some of them odd.",
)
EXPECTED: Mapping[str, Sequence[Expectation]] = {
    NOTES.name: [
        Expectation(Unique(("id",))),
        Expectation(NotNull("label"), Outcome.QUARANTINE),
        Expectation(OneOf("label", ("a", "b")), Outcome.QUARANTINE),
        Expectation(NotInFuture("at"), Outcome.QUARANTINE),
    ],
    READINGS.name: [Expectation(Unique(("at",)))],
}
WRITES = ("append", "overwrite", "merge", "ensure")
FILES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")


@dataclass(frozen=True)
class Task:
    """A stage, where, and at which step it kills itself; 0: it lives to its end."""

    stage: str
    home: str
    killed_at: int = 0


class Fuse:
    """Counts steps, and kills the process at one."""

    def __init__(self, killed_at: int) -> None:
        self.killed_at = killed_at
        self.steps = 0

    def step(self, *_: object) -> None:
        """One more."""
        self.steps += 1
        if self.steps == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, home: str) -> None:
        """Count commits and files from now on."""
        event.listen(Engine, "commit", self.step)

        def see(name: str, arguments: tuple[Any, ...]) -> None:
            is_written = name == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if (is_written or name in FILES) and str(arguments[0]).startswith(home):
                self.step()

        sys.addaudithook(see)


class FusedLake(DeltaLake):
    """A lake whose writes are steps: one before, one after."""

    def __init__(self, root: str, fuse: Fuse) -> None:
        super().__init__(root)
        for name in WRITES:
            setattr(self, name, self._counted(getattr(self, name), fuse))

    @staticmethod
    def _counted(write: Callable[..., Any], fuse: Fuse) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            fuse.step()
            answer = write(*arguments, **named)
            fuse.step()
            return answer

        return counted


def registry_in(home: Path) -> ModelRegistry:
    """A real MLflow in the home."""
    return MlflowRegistry(f"sqlite:///{home / 'mlflow.db'}", "stages", home / "mlartifacts")


def prepare(lake: DeltaLake, home: Path) -> None:
    """All that the stages need: odd rows, readings, a chat, a starter that answers, a champion of the embeddings."""
    odd: list[dict[str, Any]] = [
        {"label": None},
        {"label": "c"},
        {"at": NOW + timedelta(days=3)},
        {"label": "d"},
        {"label": "d"},
    ]
    notes = [{"id": f"n{at}", "label": "a", "at": NOW, **row} for at, row in enumerate([{}, {}, *odd, {}])]
    sample = generate(SampleConfig(users=100, days=30, seed=1))
    for table, rows in (
        (NOTES, pa.Table.from_pylist(notes, schema=NOTES.columns)),
        (READINGS, readings(50)),
        (EVENTS, table_of(parse_event(each, now=LATEST) for each in sample)),
    ):
        lake.ensure(table)
        lake.append(table.name, rows, Transaction("prepare", 1))
    registry = registry_in(home)
    register_starters(registry, {"threshold": save_starter(home / "starter")}, {"threshold": Threshold})
    train(EmbeddingsRecipe(), lake, registry, None, home / "work")
    decide_all(registry, lake, NOW)


def train_threshold(lake: DeltaLake, home: Path) -> None:
    """Stage model_training."""
    outcome = train(ThresholdRecipe(), lake, registry_in(home), None, home / "work")
    assert outcome.version is not None, outcome.skipped


STAGES: Mapping[str, Callable[[DeltaLake, Path], object]] = {
    "prepare": prepare,
    "quality_gate": lambda lake, _: check_tables(lake, NOW, EXPECTED),
    "model_training": train_threshold,
    "model_deployment": lambda lake, home: decide_all(registry_in(home), lake, NOW),
    "user_embeddings": lambda lake, home: embed_everybody(registry_in(home), lake, home / "work"),
}


def carry_out(task: Task) -> None:
    """One stage; at its end the number of its steps is in the file `steps`."""
    home, fuse = Path(task.home), Fuse(task.killed_at)
    home.mkdir(parents=True, exist_ok=True)
    lake = FusedLake(str(home / "lakehouse"), fuse)
    fuse.watch(task.home)
    STAGES[task.stage](lake, home)
    steps = fuse.steps
    (home / "steps").write_text(str(steps))


def told(task: Task) -> str:
    """The line that tells a process to carry this out."""
    return json.dumps(asdict(task)) + "\n"


def main() -> None:
    """Fork for every line, and say the exit status."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                carry_out(Task(**json.loads(line)))
            except BaseException:  # noqa: BLE001 a forked life must never go on as its parent would
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
