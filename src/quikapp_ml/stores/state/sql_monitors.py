"""Monitors in the SQL database: a row each, with its definition as a JSON document, and a row for each refresh."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.monitors import ENDED, MonitorRecord, MonitorRecords, RefreshRecord, RefreshState

_monitors = sa.Table(
    "monitors",
    METADATA,
    sa.Column("table", sa.String(255), primary_key=True),
    sa.Column("creator", sa.String(255), nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

_refreshes = sa.Table(
    "monitor_refreshes",
    METADATA,
    sa.Column("refresh_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("table", sa.String(255), nullable=False, index=True),
    sa.Column("trigger", sa.String(32), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("message", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)


class SqlMonitorRecords(MonitorRecords):
    """Monitors in two tables; a change is one statement that names the version it was made from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, record: MonitorRecord) -> None:
        """Insert it."""
        with transaction(self._engine) as connection:
            if _found(connection, record.table) is not None:
                raise AlreadyExists(f"there is a monitor of {record.table!r} already")
            connection.execute(_monitors.insert().values(**vars(record)))

    def get(self, table: str) -> MonitorRecord:
        """One row."""
        with reading(self._engine) as connection:
            found = _found(connection, table)
        if found is None:
            raise NotFound(f"there is no monitor of {table!r}")
        return found

    def all(self) -> list[MonitorRecord]:
        """By table."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_monitors).order_by(_monitors.c.table)).mappings()
            return [MonitorRecord(**row) for row in rows]

    def replace(self, record: MonitorRecord) -> MonitorRecord:
        """Update the row if it still is the one that was read."""
        changed = replace(record, version=record.version + 1)
        as_read = (_monitors.c.table == record.table) & (_monitors.c.version == record.version)
        with transaction(self._engine) as connection:
            if not connection.execute(_monitors.update().where(as_read).values(**vars(changed))).rowcount:
                if _found(connection, record.table) is None:
                    raise NotFound(f"there is no monitor of {record.table!r}")
                raise Conflict(f"the monitor of {record.table!r} was changed by somebody else at the same time")
        return changed

    def delete(self, table: str) -> None:
        """Delete the rows."""
        with transaction(self._engine) as connection:
            if not connection.execute(_monitors.delete().where(_monitors.c.table == table)).rowcount:
                raise NotFound(f"there is no monitor of {table!r}")
            connection.execute(_refreshes.delete().where(_refreshes.c.table == table))

    def add_refresh(self, table: str, trigger: str, now: datetime) -> RefreshRecord:
        """Insert it; the database gives its id."""
        row = {"table": table, "trigger": trigger, "state": RefreshState.PENDING, "started_at": now}
        with transaction(self._engine) as connection:
            inserted = connection.execute(_refreshes.insert().values(**row, message=""))
            (refresh_id,) = inserted.inserted_primary_key or (0,)
            return _refresh(connection, refresh_id)

    def move_refresh(
        self, refresh_id: int, state: RefreshState, message: str = "", ended_at: datetime | None = None
    ) -> RefreshRecord:
        """Update it unless it has ended."""
        is_open = (_refreshes.c.refresh_id == refresh_id) & _refreshes.c.state.not_in(ENDED)
        with transaction(self._engine) as connection:
            values = {"state": state, "message": message, "ended_at": ended_at}
            connection.execute(_refreshes.update().where(is_open).values(**values))
            return _refresh(connection, refresh_id)

    def refreshes(self, table: str | None = None, limit: int = 1_000) -> list[RefreshRecord]:
        """By id, newest first."""
        wanted = sa.select(_refreshes).order_by(_refreshes.c.refresh_id.desc()).limit(limit)
        if table is not None:
            wanted = wanted.where(_refreshes.c.table == table)
        with reading(self._engine) as connection:
            return [_read_refresh(row) for row in connection.execute(wanted).mappings()]


def _found(connection: sa.Connection, table: str) -> MonitorRecord | None:
    row = connection.execute(sa.select(_monitors).where(_monitors.c.table == table)).mappings().one_or_none()
    return None if row is None else MonitorRecord(**row)


def _refresh(connection: sa.Connection, refresh_id: int) -> RefreshRecord:
    wanted = sa.select(_refreshes).where(_refreshes.c.refresh_id == refresh_id)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no refresh {refresh_id}")
    return _read_refresh(row)


def _read_refresh(row: sa.RowMapping) -> RefreshRecord:
    return RefreshRecord(**{**row, "state": RefreshState(row["state"])})
