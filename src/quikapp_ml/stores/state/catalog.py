"""What Unity Catalog keeps: securables, grants on them, and the principals that are granted to."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class CatalogRecord:
    """One securable: a catalog, schema, table, view, volume or function."""

    kind: str
    name: str
    """Full name in lower case, parts with a dot between them."""
    record_id: str
    owner: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only this kind has, as JSON: where its files are, the text of a view, the parameters of a function."""
    revision: int = 1
    """Counts changes: who replaces a record must have seen the newest one."""


@dataclass(frozen=True, order=True)
class Grant:
    """One privilege, given to one principal on one securable."""

    kind: str
    name: str
    principal: str
    privilege: str


@dataclass(frozen=True)
class Principal:
    """A group or a service principal; users are known by their tokens."""

    kind: str
    """`group` or `service_principal`."""
    principal_id: str
    name: str
    """What grants say: the group's name, the service principal's application id."""
    display_name: str
    members: tuple[str, ...] = ()
    """Of a group: names of users, groups and service principals, sorted."""


class CatalogRecords(ABC):
    """Securables and grants. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, record: CatalogRecord, *, instead: bool = False) -> None:
        """Keep a new securable. Raises AlreadyExists when the name is taken.

        `instead`: what is left of an earlier one of that name goes, with its grants.
        """

    @abstractmethod
    def find(self, kind: str, name: str) -> CatalogRecord | None:
        """One securable; None without it."""

    @abstractmethod
    def all(self, kind: str, parent: str = "") -> list[CatalogRecord]:
        """The securables of a kind directly in the parent (all catalogs, without one), by name."""

    @abstractmethod
    def replace(self, record: CatalogRecord) -> CatalogRecord:
        """Change a securable and return it with its new revision.

        Raises Conflict when somebody else has changed it since the record was read, NotFound without it.
        """

    @abstractmethod
    def rename(self, kind: str, name: str, new_name: str) -> None:
        """Give a securable another name, and all below it and all grants on them, too.

        Raises NotFound without it, AlreadyExists when the name is taken.
        """

    @abstractmethod
    def remove(self, kind: str, name: str) -> None:
        """Forget a securable, what is below it, and all grants on them; nothing happens without it."""

    @abstractmethod
    def owners(self) -> Mapping[tuple[str, str], str]:
        """The owner of every securable, by kind and name."""

    @abstractmethod
    def grants(self) -> list[Grant]:
        """All grants, sorted."""

    @abstractmethod
    def change_grants(self, added: Collection[Grant], removed: Collection[Grant]) -> None:
        """Give and take privileges, all at once; what is given twice or taken without being there changes nothing."""


class Principals(ABC):
    """Groups and service principals. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, principal: Principal) -> None:
        """Keep a new one. Raises AlreadyExists when there is one of this kind and name, or id."""

    @abstractmethod
    def all(self, kind: str) -> list[Principal]:
        """All of a kind, by name."""

    @abstractmethod
    def replace(self, principal: Principal) -> None:
        """Change the one of this id. Raises NotFound without it, AlreadyExists when the name is another's."""

    @abstractmethod
    def remove(self, kind: str, principal_id: str) -> None:
        """Forget it. Raises NotFound without it."""


def is_at_or_below(kind: str, name: str, top_kind: str, top: str) -> bool:
    """Whether a securable is the one at the top, or below it."""
    return (kind, name) == (top_kind, top) or name.startswith(f"{top}.")
