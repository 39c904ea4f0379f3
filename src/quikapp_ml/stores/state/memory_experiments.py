"""Experiments in memory."""

from dataclasses import replace

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.experiments import (
    ExperimentChange,
    ExperimentRecord,
    ExperimentRecords,
    said,
    without_person,
)


class MemoryExperimentRecords(ExperimentRecords):
    """Records in a dictionary, changes in a list."""

    def __init__(self) -> None:
        self._records: dict[str, ExperimentRecord] = {}
        self._changes: list[ExperimentChange] = []

    def create(self, record: ExperimentRecord, by: str) -> None:
        """Put it in."""
        if record.name in self._records:
            raise already_there(record.name)
        self._records[record.name] = record
        self._changes.append(ExperimentChange(record.name, 1, "create", by, record.created_at, {}, said(record)))

    def get(self, name: str) -> ExperimentRecord:
        """Look it up."""
        if name not in self._records:
            raise no_experiment(name)
        return self._records[name]

    def all(self) -> list[ExperimentRecord]:
        """By name."""
        return [self._records[name] for name in sorted(self._records)]

    def replace(self, record: ExperimentRecord, action: str, by: str) -> ExperimentRecord:
        """Put the next revision in."""
        before = self.get(record.name)
        if before.revision != record.revision:
            raise changed_meanwhile(record.name)
        changed = replace(record, revision=record.revision + 1)
        self._records[record.name] = changed
        change = ExperimentChange(
            record.name, changed.revision, action, by, changed.updated_at, said(before), said(changed)
        )
        self._changes.append(change)
        return changed

    def erase(self, user_id: str) -> int:
        """Write the texts anew."""
        touched = set()
        for name, record in self._records.items():
            spec = without_person(said(record), user_id)["spec"]
            if spec != record.spec:
                self._records[name] = replace(record, spec=spec)
                touched.add(name)
        for at, change in enumerate(self._changes):
            before, after = without_person(change.before, user_id), without_person(change.after, user_id)
            if (before, after) != (change.before, change.after):
                self._changes[at] = replace(change, before=before, after=after)
                touched.add(change.name)
        return len(touched)

    def changes(self, name: str) -> list[ExperimentChange]:
        """In the order in which they were made."""
        return [change for change in self._changes if change.name == name]


def already_there(name: str) -> AlreadyExists:
    """The error of a second experiment of a name."""
    return AlreadyExists(f"there is an experiment {name!r} already; change its draft, or take another name")


def no_experiment(name: str) -> NotFound:
    """The error of an unknown name."""
    return NotFound(f"there is no experiment {name!r}")


def changed_meanwhile(name: str) -> Conflict:
    """The error of a change that was made from an older revision."""
    return Conflict(f"experiment {name!r} was changed by somebody else at the same time; look at it, and try again")
