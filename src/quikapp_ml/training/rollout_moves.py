"""The aliases of models as rollouts move them: each move is a row first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.training.alias_moves import Move, move_alias


@dataclass(frozen=True)
class RecordedAliases:
    """Moves aliases, with a row that says why. Done again after a crash, a move has one row still."""

    registry: ModelRegistry
    lake: Lake
    clock: Callable[[], datetime]

    def held(self, model: str, alias: str) -> int | None:
        """Number of the version that the alias points to."""
        found = self.registry.by_alias(model, alias)
        return None if found is None else found.number

    def move(self, model: str, alias: str, to: int, rollout: str, why: str, evidence: Mapping[str, object]) -> None:
        """Let the alias point to a version, unless it does. Raises NotFound without the version."""
        before = self.held(model, alias)
        if before != to:
            move = Move(self.clock(), f"rollout:{rollout}"[:255], model, alias, before, to, why, evidence)
            move_alias(self.registry, self.lake, move, Transaction(f"rollout/{rollout}/{alias}/{to}", 1))

    def remove(self, model: str, alias: str) -> None:
        """Take the alias away; the steps of the rollout say why."""
        self.registry.remove_alias(model, alias)
