"""Monitors in memory."""

from dataclasses import replace
from datetime import datetime

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.monitors import ENDED, MonitorRecord, MonitorRecords, RefreshRecord, RefreshState


class MemoryMonitorRecords(MonitorRecords):
    """Monitors and refreshes in dictionaries."""

    def __init__(self) -> None:
        self._records: dict[str, MonitorRecord] = {}
        self._refreshes: dict[int, RefreshRecord] = {}
        self._n_added = 0

    def create(self, record: MonitorRecord) -> None:
        """Keep it."""
        if record.table in self._records:
            raise AlreadyExists(f"there is a monitor of {record.table!r} already")
        self._records[record.table] = record

    def get(self, table: str) -> MonitorRecord:
        """As kept."""
        if table not in self._records:
            raise NotFound(f"there is no monitor of {table!r}")
        return self._records[table]

    def all(self) -> list[MonitorRecord]:
        """By table."""
        return [record for _, record in sorted(self._records.items())]

    def replace(self, record: MonitorRecord) -> MonitorRecord:
        """Keep the new one in the place of the one it was made from."""
        if self.get(record.table).version != record.version:
            raise Conflict(f"the monitor of {record.table!r} was changed by somebody else at the same time")
        self._records[record.table] = changed = replace(record, version=record.version + 1)
        return changed

    def delete(self, table: str) -> None:
        """Drop it and its refreshes."""
        self.get(table)
        del self._records[table]
        self._refreshes = {key: each for key, each in self._refreshes.items() if each.table != table}

    def add_refresh(self, table: str, trigger: str, now: datetime) -> RefreshRecord:
        """Keep a new one."""
        self._n_added += 1
        added = RefreshRecord(self._n_added, table, trigger, RefreshState.PENDING, now)
        self._refreshes[added.refresh_id] = added
        return added

    def move_refresh(
        self, refresh_id: int, state: RefreshState, message: str = "", ended_at: datetime | None = None
    ) -> RefreshRecord:
        """Keep how it stands."""
        if refresh_id not in self._refreshes:
            raise NotFound(f"there is no refresh {refresh_id}")
        found = self._refreshes[refresh_id]
        if found.state not in ENDED:
            found = replace(found, state=state, message=message, ended_at=ended_at)
            self._refreshes[refresh_id] = found
        return found

    def refreshes(self, table: str | None = None, limit: int = 1_000) -> list[RefreshRecord]:
        """By id, newest first."""
        newest_first = sorted(self._refreshes.values(), key=lambda each: -each.refresh_id)
        return [each for each in newest_first if table in (None, each.table)][:limit]
