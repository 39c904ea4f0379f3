"""Rollouts in memory."""

from dataclasses import replace

from quikapp_ml.stores.state.rollouts import (
    RolloutRecord,
    RolloutRecords,
    already_there,
    changed_meanwhile,
    no_rollout,
)


class MemoryRolloutRecords(RolloutRecords):
    """Records in a dictionary."""

    def __init__(self) -> None:
        self._records: dict[str, RolloutRecord] = {}

    def create(self, record: RolloutRecord) -> None:
        """Put it in."""
        if record.name in self._records:
            raise already_there(record.name)
        self._records[record.name] = record

    def get(self, name: str) -> RolloutRecord:
        """Look it up."""
        if name not in self._records:
            raise no_rollout(name)
        return self._records[name]

    def all(self) -> list[RolloutRecord]:
        """By name."""
        return [self._records[name] for name in sorted(self._records)]

    def replace(self, record: RolloutRecord) -> RolloutRecord:
        """Put the next revision in."""
        if self.get(record.name).revision != record.revision:
            raise changed_meanwhile(record.name)
        self._records[record.name] = replace(record, revision=record.revision + 1)
        return self._records[record.name]
