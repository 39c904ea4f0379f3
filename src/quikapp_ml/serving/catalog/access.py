"""What one caller may do at one moment: the rules, over the records as they are now."""

from dataclasses import dataclass

from quikapp_ml.errors import PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.rules import (
    Identity,
    Kind,
    Policy,
    Privilege,
    Securable,
    groups_of,
    manages,
    missing,
    read_privilege,
    visible,
)
from quikapp_ml.stores.state.base import ControlState

GROUP = "group"
SERVICE_PRINCIPAL = "service_principal"


@dataclass(frozen=True)
class CallerAccess:
    """One caller, and all owners and grants of the moment it asked."""

    who: Identity
    policy: Policy

    def check(self, privilege: Privilege, on: Securable) -> None:
        """Raises PermissionDenied when the caller may not use the privilege, naming what is lacking."""
        lacking = missing(self.policy, self.who, privilege, on)
        if lacking:
            raise PermissionDenied(f"User does not have {lacking[0]}.")

    def check_manages(self, on: Securable) -> None:
        """Raises PermissionDenied when the caller may not change, grant or drop it."""
        if not manages(self.policy, self.who, on):
            raise PermissionDenied(f"User is not an owner of {on}, and does not have MANAGE on it.")

    def check_sees(self, on: Securable) -> None:
        """Raises PermissionDenied when the caller may not know of it, whether it exists or not."""
        if not visible(self.policy, self.who, on):
            needs = missing(self.policy, self.who, Privilege.BROWSE, on)
            raise PermissionDenied(f"User does not have {needs[0] if needs else on}.")

    def check_owns_new(self, owner: str) -> None:
        """Raises PermissionDenied when the caller gives a thing to somebody else and is no administrator."""
        if not self.who.is_admin and owner not in self.who.principals:
            raise PermissionDenied(
                f"only an administrator can make {owner[:100]!r} an owner; you and your groups can be"
            )

    def sees(self, on: Securable) -> bool:
        """Whether the caller may know of it."""
        return visible(self.policy, self.who, on)


def identity_of(caller: Caller, state: ControlState) -> Identity:
    """A caller with its groups."""
    if caller.is_admin:
        return Identity(caller.name, is_admin=True)
    members = {group.name: group.members for group in state.principals.all(GROUP)}
    return Identity(caller.name, groups_of(caller.name, members))


def read_policy(state: ControlState) -> Policy:
    """All owners and grants as they are now."""
    owners = {Securable(Kind(kind), name): owner for (kind, name), owner in state.catalog.owners().items()}
    grants: dict[Securable, dict[str, frozenset[Privilege]]] = {}
    for each in state.catalog.grants():
        privilege = read_privilege(each.privilege)
        if privilege is not None:
            held = grants.setdefault(Securable(Kind(each.kind), each.name), {})
            held[each.principal] = held.get(each.principal, frozenset()) | {privilege}
    return Policy(owners, grants)
