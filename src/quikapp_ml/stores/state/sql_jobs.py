"""Jobs of clients in the SQL database: a row each, with its settings as a JSON document."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.jobs import JobDefinition, JobDefinitions

_jobs = sa.Table(
    "job_definitions",
    METADATA,
    sa.Column("job_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("creator", sa.String(255), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("is_one_time", sa.Boolean, nullable=False),
)


class SqlJobDefinitions(JobDefinitions):
    """Jobs in a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, definition: JobDefinition) -> None:
        """Insert it."""
        with transaction(self._engine) as connection:
            if _found(connection, definition.job_id) is not None:
                raise AlreadyExists(f"there is a job {definition.job_id} already")
            connection.execute(_jobs.insert().values(**vars(definition)))

    def get(self, job_id: int) -> JobDefinition:
        """One row."""
        with reading(self._engine) as connection:
            return _existing(connection, job_id)

    def all(self) -> list[JobDefinition]:
        """By time and id, newest first."""
        newest_first = sa.select(_jobs).order_by(_jobs.c.created_at.desc(), _jobs.c.job_id.desc())
        with reading(self._engine) as connection:
            return [JobDefinition(**row) for row in connection.execute(newest_first).mappings()]

    def change(self, job_id: int, settings: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JobDefinition:
        """Read, change and write in one transaction."""
        with transaction(self._engine) as connection:
            connection.execute(sa.select(_jobs.c.job_id).where(_jobs.c.job_id == job_id).with_for_update())
            changed = settings(_existing(connection, job_id).settings)
            connection.execute(_jobs.update().where(_jobs.c.job_id == job_id).values(settings=changed))
            return _existing(connection, job_id)

    def delete(self, job_id: int) -> None:
        """Delete the row."""
        with transaction(self._engine) as connection:
            if not connection.execute(_jobs.delete().where(_jobs.c.job_id == job_id)).rowcount:
                raise NotFound(f"there is no job {job_id}")


def _found(connection: sa.Connection, job_id: int) -> JobDefinition | None:
    row = connection.execute(sa.select(_jobs).where(_jobs.c.job_id == job_id)).mappings().one_or_none()
    return None if row is None else JobDefinition(**row)


def _existing(connection: sa.Connection, job_id: int) -> JobDefinition:
    found = _found(connection, job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id}")
    return found
