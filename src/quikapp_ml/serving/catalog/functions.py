"""Functions: what is said of them. Nothing here runs them."""

from collections.abc import Mapping
from typing import Any

from quikapp_ml.errors import AlreadyExists
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import Change, Securables, checked_comment, checked_name, full_name
from quikapp_ml.stores.state.catalog import CatalogRecord


class Functions:
    """Makes, tells and drops descriptions of functions."""

    def __init__(self, securables: Securables) -> None:
        self._securables = securables

    def all(self, access: CallerAccess, schema: str) -> list[CatalogRecord]:
        """All of a schema that the caller may know of. Raises NotFound, PermissionDenied."""
        inside = full_name(Kind.SCHEMA, schema)
        access.check_sees(inside)
        self._securables.get(inside)
        found = self._securables.state.catalog.all(Kind.FUNCTION, inside.name)
        return [each for each in found if access.sees(Securable(Kind.FUNCTION, each.name))]

    def get(self, access: CallerAccess, name: str) -> CatalogRecord:
        """One function. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.FUNCTION, name)
        access.check_sees(securable)
        return self._securables.get(securable)

    def create(
        self, access: CallerAccess, schema: str, name: str, comment: str, details: Mapping[str, Any]
    ) -> CatalogRecord:
        """Keep a description. Raises NotFound, AlreadyExists, PermissionDenied."""
        inside = full_name(Kind.SCHEMA, schema)
        access.check(Privilege.CREATE_FUNCTION, inside)
        self._securables.get(inside)
        securable = Securable(Kind.FUNCTION, f"{inside.name}.{checked_name(Kind.FUNCTION, name)}")
        with self._securables.lock:
            if self._securables.find(securable) is not None:
                raise AlreadyExists(f"{securable} already exists.")
            record = self._securables.new(securable, access.who.name, checked_comment(comment), details=details)
            self._securables.state.catalog.add(record)
        return record

    def update(self, access: CallerAccess, name: str, change: Change) -> CatalogRecord:
        """Change who owns a function."""
        securable = full_name(Kind.FUNCTION, name)
        access.check_manages(securable)
        with self._securables.lock:
            if change.owner is not None:
                access.check_owns_new(change.owner)
            return self._securables.change(self._securables.get(securable), change, access.who.name)

    def drop(self, access: CallerAccess, name: str) -> None:
        """Forget a function. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.FUNCTION, name)
        access.check_manages(securable)
        with self._securables.lock:
            self._securables.get(securable)
            self._securables.state.catalog.remove(Kind.FUNCTION, securable.name)
