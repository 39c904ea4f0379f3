"""Rollouts in the SQL database: a row each; steps are a list in it, so that a step is one row changed."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.rollouts import (
    RolloutRecord,
    RolloutRecords,
    RolloutStep,
    already_there,
    changed_meanwhile,
    no_rollout,
)

_rollouts = sa.Table(
    "rollouts",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("model", sa.String(255), nullable=False),
    sa.Column("champion", sa.Integer, nullable=False),
    sa.Column("stage", sa.String(32), nullable=False),
    sa.Column("stage_since", UtcTime, nullable=False),
    sa.Column("created_by", sa.String(255), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("challenger_before", sa.Integer),
    sa.Column("tally", sa.JSON, nullable=False),
    sa.Column("waits_for", sa.Text, nullable=False),
    sa.Column("is_settled", sa.Boolean, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
)


class SqlRolloutRecords(RolloutRecords):
    """A step is one transaction, which names the revision that it was taken from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, record: RolloutRecord) -> None:
        """Insert it."""
        with transaction(self._engine) as connection:
            if _found(connection, record.name) is not None:
                raise already_there(record.name)
            connection.execute(_rollouts.insert().values(**_row(record)))

    def get(self, name: str) -> RolloutRecord:
        """One row."""
        with reading(self._engine) as connection:
            found = _found(connection, name)
        if found is None:
            raise no_rollout(name)
        return found

    def all(self) -> list[RolloutRecord]:
        """By name."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_rollouts)).mappings().all()
        return sorted((_record(dict(row)) for row in rows), key=lambda record: record.name)

    def replace(self, record: RolloutRecord) -> RolloutRecord:
        """Update the row if it still is the one that was read."""
        changed = replace(record, revision=record.revision + 1)
        as_read = (_rollouts.c.name == record.name) & (_rollouts.c.revision == record.revision)
        with transaction(self._engine) as connection:
            if _found(connection, record.name) is None:
                raise no_rollout(record.name)
            if not connection.execute(_rollouts.update().where(as_read).values(**_row(changed))).rowcount:
                raise changed_meanwhile(record.name)
        return changed


def _found(connection: sa.Connection, name: str) -> RolloutRecord | None:
    row = connection.execute(sa.select(_rollouts).where(_rollouts.c.name == name)).mappings().one_or_none()
    return None if row is None else _record(dict(row))


def _row(record: RolloutRecord) -> dict[str, Any]:
    steps = [{**asdict(step), "at": step.at.isoformat(), "numbers": dict(step.numbers)} for step in record.steps]
    return {**vars(record), "spec": dict(record.spec), "tally": dict(record.tally), "steps": steps}


def _record(row: Mapping[str, Any]) -> RolloutRecord:
    steps = tuple(RolloutStep(**{**step, "at": datetime.fromisoformat(step["at"])}) for step in row["steps"])
    return RolloutRecord(**{**row, "steps": steps})
