"""Grants: who may do what, told and changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quikapp_ml.errors import InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable, effective, grantable, manages
from quikapp_ml.serving.catalog.securables import Securables
from quikapp_ml.serving.catalog.tables import Tables
from quikapp_ml.stores.state.catalog import Grant

_MAX_PRINCIPAL = 255


@dataclass(frozen=True)
class GrantChange:
    """What one principal is to have more, and less."""

    principal: str
    add: Sequence[Privilege] = ()
    remove: Sequence[Privilege] = ()


Assignments = dict[str, dict[Privilege, Securable]]
"""By principal, its privileges with the securable that each was granted on."""


class Grants:
    """Tells and changes grants. `has_model` says whether a registered model exists: the registry keeps those."""

    def __init__(self, securables: Securables, tables: Tables, has_model: Callable[[str], bool]) -> None:
        self._securables = securables
        self._tables = tables
        self._has_model = has_model

    def direct(self, access: CallerAccess, on: Securable, principal: str = "") -> Assignments:
        """What was granted on this very securable."""
        found = self.effective(access, on, principal)
        own = {who: {each: where for each, where in held.items() if where == on} for who, held in found.items()}
        return {who: held for who, held in own.items() if held}

    def effective(self, access: CallerAccess, on: Securable, principal: str = "") -> Assignments:
        """What holds on it, inherited or not. Who does not manage it is told of grants that reach them.

        Raises NotFound, PermissionDenied.
        """
        if on.kind is not Kind.METASTORE:
            access.check_sees(on)
        self.check_exists(on)
        found = effective(access.policy, on)
        if not manages(access.policy, access.who, on):
            found = {who: held for who, held in found.items() if who in access.who.principals}
        return {who: held for who, held in sorted(found.items()) if principal in ("", who)}

    def change(self, access: CallerAccess, on: Securable, changes: Sequence[GrantChange]) -> None:
        """Give and take, all at once. Raises NotFound, InvalidInput, PermissionDenied."""
        if on.kind is Kind.METASTORE:
            if not access.who.is_admin:
                raise PermissionDenied("only an administrator grants on the metastore")
        else:
            access.check_manages(on)
        self.check_exists(on)
        added = {self._grant(on, each.principal, privilege) for each in changes for privilege in each.add}
        removed = {self._grant(on, each.principal, privilege) for each in changes for privilege in each.remove}
        self._securables.state.catalog.change_grants(added - removed, removed)

    def check_exists(self, on: Securable) -> None:
        """Raises NotFound."""
        if not self.exists(on):
            raise NotFound(f"{on} does not exist.")

    def exists(self, on: Securable) -> bool:
        """Whether there is such a thing."""
        if on.kind is Kind.TABLE:
            return self._tables.exists(on.name)
        if on.kind is Kind.MODEL:
            return self._has_model(on.name)
        return on.kind is Kind.METASTORE or self._securables.find(on) is not None

    def _grant(self, on: Securable, principal: str, privilege: Privilege) -> Grant:
        if not 1 <= len(principal) <= _MAX_PRINCIPAL or not principal.isprintable():
            raise InvalidInput(f"principal {principal[:80]!r} must be 1 to {_MAX_PRINCIPAL} printable characters")
        allowed = grantable(on.kind)
        if privilege not in allowed:
            names = ", ".join(sorted(each.value for each in allowed))
            raise InvalidInput(f"Privilege {privilege.value} is not applicable to {on}; applicable are {names}")
        return Grant(on.kind.value, on.name, principal, privilege.value)
