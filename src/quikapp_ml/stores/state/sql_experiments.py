"""Experiments in the SQL database: a row each, and a row for each change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.experiments import (
    ExperimentChange,
    ExperimentRecord,
    ExperimentRecords,
    said,
    without_person,
)
from quikapp_ml.stores.state.memory_experiments import already_there, changed_meanwhile, no_experiment

_experiments = sa.Table(
    "experiments",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("stopped_at", UtcTime),
    sa.Column("decided_at", UtcTime),
    sa.Column("decision", sa.JSON, nullable=False),
)

_changes = sa.Table(
    "experiment_changes",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("after", sa.JSON, nullable=False),
)


class SqlExperimentRecords(ExperimentRecords):
    """A change is one transaction, which names the revision that it was made from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, record: ExperimentRecord, by: str) -> None:
        """Insert it and its first change."""
        with transaction(self._engine) as connection:
            if _found(connection, record.name) is not None:
                raise already_there(record.name)
            connection.execute(_experiments.insert().values(**_row(record)))
            change = ExperimentChange(record.name, 1, "create", by, record.created_at, {}, said(record))
            connection.execute(_changes.insert().values(**vars(change)))

    def get(self, name: str) -> ExperimentRecord:
        """One row."""
        with reading(self._engine) as connection:
            found = _found(connection, name)
        if found is None:
            raise no_experiment(name)
        return found

    def all(self) -> list[ExperimentRecord]:
        """By name."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_experiments)).mappings().all()
        return sorted((_record(dict(row)) for row in rows), key=lambda record: record.name)

    def replace(self, record: ExperimentRecord, action: str, by: str) -> ExperimentRecord:
        """Update the row if it still is the one that was read, and insert the change."""
        changed = replace(record, revision=record.revision + 1)
        columns = _experiments.c
        as_read = (columns.name == record.name) & (columns.revision == record.revision)
        with transaction(self._engine) as connection:
            before = _found(connection, record.name)
            if before is None:
                raise no_experiment(record.name)
            if not connection.execute(_experiments.update().where(as_read).values(**_row(changed))).rowcount:
                raise changed_meanwhile(record.name)
            change = ExperimentChange(
                record.name, changed.revision, action, by, changed.updated_at, said(before), said(changed)
            )
            connection.execute(_changes.insert().values(**vars(change)))
        return changed

    def erase(self, user_id: str) -> int:
        """Update the rows that name the person."""
        touched = set()
        with transaction(self._engine) as connection:
            for row in connection.execute(sa.select(_experiments)).mappings().all():
                spec = without_person({"spec": row["spec"]}, user_id)["spec"]
                if spec != row["spec"]:
                    this = _experiments.c.name == row["name"]
                    connection.execute(_experiments.update().where(this).values(spec=spec))
                    touched.add(row["name"])
            for row in connection.execute(sa.select(_changes)).mappings().all():
                now = {side: without_person(row[side], user_id) for side in ("before", "after")}
                if now != {side: row[side] for side in now}:
                    this = (_changes.c.name == row["name"]) & (_changes.c.revision == row["revision"])
                    connection.execute(_changes.update().where(this).values(**now))
                    touched.add(row["name"])
        return len(touched)

    def changes(self, name: str) -> list[ExperimentChange]:
        """By revision."""
        query = sa.select(_changes).where(_changes.c.name == name).order_by(_changes.c.revision)
        with reading(self._engine) as connection:
            return [ExperimentChange(**row) for row in connection.execute(query).mappings()]


def _found(connection: sa.Connection, name: str) -> ExperimentRecord | None:
    query = sa.select(_experiments).where(_experiments.c.name == name)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _record(dict(row))


def _row(record: ExperimentRecord) -> dict[str, Any]:
    return {**vars(record), "spec": dict(record.spec), "decision": dict(record.decision)}


def _record(row: Mapping[str, Any]) -> ExperimentRecord:
    return ExperimentRecord(**row)
