"""Monitors of tables as they were asked for, and their refreshes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class RefreshState(StrEnum):
    """How a refresh stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


@dataclass(frozen=True)
class MonitorRecord:
    """One monitor; there is one of a table at most."""

    table: str
    creator: str
    definition: Mapping[str, Any]
    """As JSON; who keeps monitors knows its fields."""
    version: int = 0
    """Counts changes: who replaces a record must have seen the newest one."""


@dataclass(frozen=True)
class RefreshRecord:
    """One refresh of a monitor."""

    refresh_id: int
    table: str
    trigger: str
    """Who asked for it: `MANUAL` or `SCHEDULE`."""
    state: RefreshState
    started_at: datetime
    ended_at: datetime | None = None
    message: str = ""


class MonitorRecords(ABC):
    """Monitors by table, and refreshes. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def create(self, record: MonitorRecord) -> None:
        """Keep a new monitor. Raises AlreadyExists when the table has one."""

    @abstractmethod
    def get(self, table: str) -> MonitorRecord:
        """The monitor of a table. Raises NotFound without it."""

    @abstractmethod
    def all(self) -> list[MonitorRecord]:
        """All monitors in the order of their tables' names."""

    @abstractmethod
    def replace(self, record: MonitorRecord) -> MonitorRecord:
        """Change a monitor and return it with its new version.

        Raises Conflict when somebody else has changed it since the record was read, NotFound without it.
        """

    @abstractmethod
    def delete(self, table: str) -> None:
        """Forget a monitor and its refreshes. Raises NotFound without it."""

    @abstractmethod
    def add_refresh(self, table: str, trigger: str, now: datetime) -> RefreshRecord:
        """Record a refresh as pending; ids grow and are never used twice."""

    @abstractmethod
    def move_refresh(
        self, refresh_id: int, state: RefreshState, message: str = "", ended_at: datetime | None = None
    ) -> RefreshRecord:
        """Record how a refresh stands now; one that has ended stays as it is. Raises NotFound without it."""

    @abstractmethod
    def refreshes(self, table: str | None = None, limit: int = 1_000) -> list[RefreshRecord]:
        """Newest refreshes first, of one table if given."""


ENDED = frozenset({RefreshState.SUCCESS, RefreshState.FAILED, RefreshState.CANCELED})
