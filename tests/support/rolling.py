"""A rollout over records, experiments, a registry and a lake, whose evidence is given.

Run as a program, it takes a rollout to its end in processes that are killed: `python rolling.py HOME END`.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.experiments.rollout import Evidence
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.serving.rollout_guard import RolloutGuard
from quikapp_ml.serving.rollout_world import RolloutWorld
from quikapp_ml.serving.rollouts import RolloutDesk
from quikapp_ml.serving.shadow import ShadowHost
from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.registry.base import CHAMPION, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord
from quikapp_ml.training.rollout_moves import RecordedAliases

RANKER = "content-ranker"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SPEC: dict[str, Any] = {"name": "ranks", "subject": "rank", "version": 2, "reason": "Knows the newer people."}
FINE = Evidence(told="all is well", numbers={"units": {"champion": 900, "challenger": 100}})
EVERYTHING_FINE = dict.fromkeys(("gate", "shadow", "1", "5", "20", "50", "100"), FINE)


class KeptRegistry(MemoryRegistry):
    """A registry of three rankers whose aliases outlive the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        for number in (1, 2, 3):
            saved = folder / "versions" / str(number)
            if not saved.exists():
                ContentRanker(LinearHead.prior({"recency": float(number)}, 0.0)).save(saved)
                (saved / "card.md").write_text("# ranker\n")
            where = "quikapp_ml.models.ranking:ContentRanker"
            self.register(NewVersion(RANKER, saved, where, f"{number}.0.0"))
        self._file = folder / "aliases.json"
        kept = json.loads(self._file.read_text()) if self._file.exists() else {CHAMPION: 1}
        for alias, number in kept.items():
            super().set_alias(RANKER, alias, number)
        self._on_disk: dict[str, int] = kept

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Keep it too."""
        super().set_alias(name, alias, number)
        self._keep({**self._on_disk, alias: number})

    def remove_alias(self, name: str, alias: str) -> None:
        """Forget it too."""
        super().remove_alias(name, alias)
        self._keep({one: number for one, number in self._on_disk.items() if one != alias})

    def _keep(self, aliases: dict[str, int]) -> None:
        self._on_disk = aliases
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps(aliases))
        written.replace(self._file)


@dataclass
class Rolling:
    """All the parts. `evidence` by stage can be changed at any time; a stage without one waits."""

    folder: Path
    state: ControlState
    evidence: dict[str, Evidence] = field(default_factory=dict)
    lake_at: Callable[[str], Lake] = DeltaLake

    def __post_init__(self) -> None:
        self.now = NOW
        self.followed = 0
        self.registry = KeptRegistry(self.folder)
        self.lake = self.lake_at(str(self.folder / "lake"))
        self.experiments = ExperimentDesk(self.state.experiments, self.registry, lambda: self.now)
        self.desk = RolloutDesk(self.state.rollouts, self.experiments, self.registry, lambda: self.now)
        self.aliases = RecordedAliases(self.registry, self.lake, lambda: self.now)
        self.world = RolloutWorld(self.experiments, self.aliases, self.lake, self._follow)
        self.shadows = ShadowHost(lambda _, number: ContentRanker.load(self.folder / "versions" / str(number)))
        self.guard = RolloutGuard(self.desk, self.world, self.shadows, lambda: self, look_seconds=0.01)

    def of(self, record: RolloutRecord) -> tuple[Evidence, Mapping[str, Any]]:
        """The evidence that is given for the stage."""
        return self.evidence.get(record.stage, Evidence(unclear="nobody has looked yet")), {}

    def start(self, **changes: Any) -> RolloutRecord:
        """Begin, and let the world follow."""
        record = self.desk.start(RolloutSpec.model_validate({**SPEC, **changes}), "ann")
        return self.guard.follow(record)

    def look(self, times: int = 1) -> list[str]:
        """Look so often, a minute apart, and return the stages of the first rollout."""
        stages = []
        for _ in range(times):
            self.now += timedelta(minutes=1)
            self.guard.look()
            stages.append(self.record.stage)
        return stages

    @property
    def record(self) -> RolloutRecord:
        """As it stands."""
        return self.desk.get("ranks")

    def states(self) -> dict[str, str]:
        """Of the experiments."""
        return {one.name: one.state for one in self.experiments.all()}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Of a table."""
        return list(self.lake.read(table).to_pylist())

    def _follow(self) -> None:
        self.followed += 1


class Killer:
    """Kills this process at the step of that number: a write to the lake, a commit, an alias, before it and after."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_lake(killer: Killer) -> Callable[[str], Lake]:
    class KilledLake(DeltaLake):
        def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> Any:
            killer.step()
            done = super().append(name, rows, transaction)
            killer.step()
            return done

    return KilledLake


def live(folder: Path, evidence: dict[str, Evidence], at: int) -> None:
    """One life of the service: looks until the rollout is settled, or until it is killed."""
    killer = Killer(at)
    event.listen(Engine, "begin", killer.step)
    event.listen(Engine, "commit", killer.step)
    rolling = Rolling(folder, open_state(f"sqlite:///{folder / 'state.db'}"), evidence, killed_lake(killer))
    kept = rolling.registry.set_alias

    def set_alias(name: str, alias: str, number: int) -> None:
        killer.step()
        kept(name, alias, number)
        killer.step()

    rolling.registry.set_alias = set_alias  # type: ignore[method-assign]
    if not rolling.desk.all():
        rolling.start()
    while not rolling.record.is_settled:
        rolling.look()
    rolling.state.close()


def lives(folder: Path, evidence: dict[str, Evidence]) -> int:
    """Kill one process after the other, each some steps later than the last, until one comes to the end."""
    n_killed, at = 0, 1
    while True:
        child = os.fork()
        if child == 0:
            try:
                live(folder, evidence, at)
                os._exit(0)
            except BaseException:  # noqa: BLE001 a child must not go on as its parent
                traceback.print_exc()
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return n_killed if os.waitstatus_to_exitcode(status) == 0 else -1
        n_killed += 1
        at = 4 + n_killed  # later than the last, for what begins a life takes steps of its own


if __name__ == "__main__":
    ends: dict[str, dict[str, Evidence]] = {
        "promoted": EVERYTHING_FINE,
        "rolled_back": {**EVERYTHING_FINE, "20": Evidence("clicks got lower, and must not")},
    }
    sys.stdout.write(json.dumps({"killed": lives(Path(sys.argv[1]), ends[sys.argv[2]])}))
