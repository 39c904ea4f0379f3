"""Unity Catalog's records in memory."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.catalog import (
    CatalogRecord,
    CatalogRecords,
    Grant,
    Principal,
    Principals,
    is_at_or_below,
)


class MemoryCatalogRecords(CatalogRecords):
    """Securables in a dictionary, grants in a set."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], CatalogRecord] = {}
        self._grants: set[Grant] = set()

    def add(self, record: CatalogRecord, *, instead: bool = False) -> None:
        """Keep it."""
        if instead:
            self.remove(record.kind, record.name)
        if (record.kind, record.name) in self._records:
            raise AlreadyExists(f"there is a {record.kind} {record.name!r} already")
        self._records[record.kind, record.name] = record

    def find(self, kind: str, name: str) -> CatalogRecord | None:
        """As kept."""
        return self._records.get((kind, name))

    def all(self, kind: str, parent: str = "") -> list[CatalogRecord]:
        """By name."""
        found = (each for each in self._records.values() if each.kind == kind)
        return sorted((each for each in found if each.name.rpartition(".")[0] == parent), key=lambda each: each.name)

    def replace(self, record: CatalogRecord) -> CatalogRecord:
        """Keep the new one in the place of the one it was made from."""
        stored = self.find(record.kind, record.name)
        if stored is None:
            raise NotFound(f"there is no {record.kind} {record.name!r}")
        if (stored.revision, stored.record_id) != (record.revision, record.record_id):
            raise Conflict(f"{record.kind} {record.name!r} was changed by somebody else at the same time")
        changed = replace(record, revision=record.revision + 1)
        self._records[record.kind, record.name] = changed
        return changed

    def rename(self, kind: str, name: str, new_name: str) -> None:
        """Move all that begins with the name."""
        if (kind, name) not in self._records:
            raise NotFound(f"there is no {kind} {name!r}")
        if (kind, new_name) in self._records:
            raise AlreadyExists(f"there is a {kind} {new_name!r} already")
        moved = [each for each in self._records.values() if is_at_or_below(each.kind, each.name, kind, name)]
        for each in moved:
            del self._records[each.kind, each.name]
            renamed = replace(each, name=new_name + each.name.removeprefix(name))
            self._records[renamed.kind, renamed.name] = renamed
        self._grants = {
            replace(each, name=new_name + each.name.removeprefix(name))
            if is_at_or_below(each.kind, each.name, kind, name)
            else each
            for each in self._grants
        }

    def remove(self, kind: str, name: str) -> None:
        """Drop all that begins with the name."""
        self._records = {
            key: each for key, each in self._records.items() if not is_at_or_below(each.kind, each.name, kind, name)
        }
        self._grants = {each for each in self._grants if not is_at_or_below(each.kind, each.name, kind, name)}

    def owners(self) -> Mapping[tuple[str, str], str]:
        """As kept."""
        return {key: each.owner for key, each in self._records.items()}

    def grants(self) -> list[Grant]:
        """Sorted."""
        return sorted(self._grants)

    def change_grants(self, added: Collection[Grant], removed: Collection[Grant]) -> None:
        """Sets."""
        self._grants = (self._grants - set(removed)) | set(added)


class MemoryPrincipals(Principals):
    """Principals in a dictionary."""

    def __init__(self) -> None:
        self._principals: dict[tuple[str, str], Principal] = {}

    def add(self, principal: Principal) -> None:
        """Keep it."""
        if (principal.kind, principal.principal_id) in self._principals:
            raise AlreadyExists(f"there is a {principal.kind} {principal.principal_id!r} already")
        self._keep(principal)

    def all(self, kind: str) -> list[Principal]:
        """By name."""
        return sorted((each for each in self._principals.values() if each.kind == kind), key=lambda each: each.name)

    def replace(self, principal: Principal) -> None:
        """Keep the new one."""
        if (principal.kind, principal.principal_id) not in self._principals:
            raise NotFound(f"there is no {principal.kind} {principal.principal_id!r}")
        self._keep(principal)

    def remove(self, kind: str, principal_id: str) -> None:
        """Drop it."""
        if self._principals.pop((kind, principal_id), None) is None:
            raise NotFound(f"there is no {kind} {principal_id!r}")

    def _keep(self, principal: Principal) -> None:
        others = (each for each in self.all(principal.kind) if each.principal_id != principal.principal_id)
        if any(each.name == principal.name for each in others):
            raise AlreadyExists(f"there is a {principal.kind} {principal.name!r} already")
        self._principals[principal.kind, principal.principal_id] = principal
