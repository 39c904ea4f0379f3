"""Who changed what: entries wait here, beside what was changed, until they are in the audit table of the lakehouse."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class AuditEntry:
    """One change that was asked for, and how it ended. `source_ip` is a keyed hash, never an address."""

    event_id: str
    at: datetime
    service: str
    """Part of the workspace: `serverlessModelServing`, `accounts` …"""
    action: str
    """What was asked for, such as `createServingEndpoint`."""
    user: str
    status: int
    """HTTP status of the answer; 200 for a command that succeeded."""
    error: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


class AuditLog(ABC):
    """Entries in the order they were made. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def append(self, entry: AuditEntry) -> None:
        """Keep an entry; it is on the disk when this returns."""

    @abstractmethod
    def waiting(self, limit: int = 1000) -> list[tuple[int, AuditEntry]]:
        """The oldest entries with their numbers, which grow and are never used twice."""

    @abstractmethod
    def forget(self, through: int) -> None:
        """Let go of the entries up to this number: they are in the table."""

    @property
    @abstractmethod
    def store_id(self) -> str:
        """Name of this log for Delta's application transactions; another database has another one."""
