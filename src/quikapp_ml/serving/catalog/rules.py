"""Who may do what to what in Unity Catalog: privileges, ownership, inheritance. Pure: nothing is read or written here.

A privilege on a catalog or schema holds for everything below it. To use an object one also needs `USE CATALOG` and
`USE SCHEMA` on what it is in. Who owns an object may do everything with it; who owns what it is in may manage it, but
has no data of it without a grant.

References: https://docs.databricks.com/aws/en/data-governance/unity-catalog/manage-privileges/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of securables."""

    METASTORE = "metastore"
    CATALOG = "catalog"
    SCHEMA = "schema"
    TABLE = "table"
    VOLUME = "volume"
    FUNCTION = "function"
    MODEL = "registered_model"


class Privilege(StrEnum):
    """What can be granted, as SQL says it."""

    ALL = "ALL PRIVILEGES"
    BROWSE = "BROWSE"
    CREATE_CATALOG = "CREATE CATALOG"
    CREATE_FUNCTION = "CREATE FUNCTION"
    CREATE_MODEL = "CREATE MODEL"
    CREATE_SCHEMA = "CREATE SCHEMA"
    CREATE_TABLE = "CREATE TABLE"
    CREATE_VOLUME = "CREATE VOLUME"
    EXECUTE = "EXECUTE"
    MANAGE = "MANAGE"
    MODIFY = "MODIFY"
    READ_VOLUME = "READ VOLUME"
    SELECT = "SELECT"
    USE_CATALOG = "USE CATALOG"
    USE_SCHEMA = "USE SCHEMA"
    WRITE_VOLUME = "WRITE VOLUME"


OBJECTS = (Kind.TABLE, Kind.VOLUME, Kind.FUNCTION, Kind.MODEL)
"""What is in schemas."""

EVERYBODY = ("account users", "users")
"""Groups that every caller is in."""

_BELOW_METASTORE = frozenset({Kind.CATALOG, Kind.SCHEMA, *OBJECTS})

ACTS_ON: Mapping[Privilege, frozenset[Kind]] = {
    Privilege.ALL: frozenset(Kind),
    Privilege.BROWSE: _BELOW_METASTORE,
    Privilege.CREATE_CATALOG: frozenset({Kind.METASTORE}),
    Privilege.CREATE_FUNCTION: frozenset({Kind.SCHEMA}),
    Privilege.CREATE_MODEL: frozenset({Kind.SCHEMA}),
    Privilege.CREATE_SCHEMA: frozenset({Kind.CATALOG}),
    Privilege.CREATE_TABLE: frozenset({Kind.SCHEMA}),
    Privilege.CREATE_VOLUME: frozenset({Kind.SCHEMA}),
    Privilege.EXECUTE: frozenset({Kind.FUNCTION, Kind.MODEL}),
    Privilege.MANAGE: _BELOW_METASTORE,
    Privilege.MODIFY: frozenset({Kind.TABLE}),
    Privilege.READ_VOLUME: frozenset({Kind.VOLUME}),
    Privilege.SELECT: frozenset({Kind.TABLE}),
    Privilege.USE_CATALOG: frozenset({Kind.CATALOG}),
    Privilege.USE_SCHEMA: frozenset({Kind.SCHEMA}),
    Privilege.WRITE_VOLUME: frozenset({Kind.VOLUME}),
}
"""The kinds that a privilege lets one do something with; on what is above them it is granted for all below."""

NOT_IN_ALL = frozenset({Privilege.ALL, Privilege.MANAGE})
"""What `ALL PRIVILEGES` does not stand for: who manages a thing can give it away."""

_BELOW: Mapping[Kind, frozenset[Kind]] = {
    Kind.CATALOG: frozenset({Kind.SCHEMA, *OBJECTS}),
    Kind.SCHEMA: frozenset(OBJECTS),
}


@dataclass(frozen=True, order=True)
class Securable:
    """A thing that is granted: its kind and full name; the metastore has none."""

    kind: Kind
    name: str = ""

    @property
    def parent(self) -> "Securable | None":
        """What it is in."""
        above = self.name.rpartition(".")[0]
        if self.kind is Kind.METASTORE:
            return None
        if self.kind is Kind.CATALOG:
            return METASTORE
        return Securable(Kind.CATALOG if self.kind is Kind.SCHEMA else Kind.SCHEMA, above)

    def __str__(self) -> str:
        return f"{self.kind.value.replace('_', ' ').title()} '{self.name}'" if self.name else "the metastore"


METASTORE = Securable(Kind.METASTORE)


@dataclass(frozen=True)
class Identity:
    """A caller, with all groups that it is in, directly or not. An administrator may do everything."""

    name: str
    groups: frozenset[str] = frozenset()
    is_admin: bool = False

    @property
    def principals(self) -> frozenset[str]:
        """All names that a grant to one of them reaches this caller by."""
        return frozenset({self.name, *self.groups, *EVERYBODY})


Granted = Mapping[str, frozenset[Privilege]]
"""Privileges by principal."""


@dataclass(frozen=True)
class Policy:
    """All owners and grants of a moment."""

    owners: Mapping[Securable, str] = field(default_factory=dict)
    grants: Mapping[Securable, Granted] = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """A privilege that is lacking, and on what."""

    privilege: Privilege
    securable: Securable

    def __str__(self) -> str:
        return f"{self.privilege.value} on {self.securable}"


def grantable(kind: Kind) -> frozenset[Privilege]:
    """What can be granted on this kind: what acts on it, or on anything below it."""
    reached = {kind, *_BELOW.get(kind, ())}
    found = {privilege for privilege, kinds in ACTS_ON.items() if kinds & reached}
    return frozenset(found if kind is Kind.CATALOG else found - {Privilege.BROWSE})


def lineage(securable: Securable) -> tuple[Securable, ...]:
    """The securable and what grants are inherited from; the metastore's are not."""
    chain = [securable]
    while (above := chain[-1].parent) is not None and above is not METASTORE:
        chain.append(above)
    return tuple(chain)


def has(policy: Policy, who: Identity, privilege: Privilege, on: Securable) -> bool:
    """Whether a caller has a privilege on a securable: as administrator, as its owner, or by a grant on it or above."""
    if who.is_admin or policy.owners.get(on) in who.principals:
        return on.kind in ACTS_ON[privilege]
    if on.kind not in ACTS_ON[privilege]:
        return False
    wanted = {privilege} if privilege in NOT_IN_ALL else {privilege, Privilege.ALL}
    return any(
        wanted & granted for each in lineage(on) for granted in _granted_to(policy.grants.get(each, {}), who.principals)
    )


def missing(policy: Policy, who: Identity, privilege: Privilege, on: Securable) -> tuple[Need, ...]:
    """What a caller lacks to use a privilege: `USE …` on what the securable is in, and the privilege itself."""
    needs = [*(Need(_use(above.kind), above) for above in reversed(lineage(on)[1:])), Need(privilege, on)]
    return tuple(need for need in needs if not has(policy, who, need.privilege, need.securable))


def allowed(policy: Policy, who: Identity, privilege: Privilege, on: Securable) -> bool:
    """Whether a caller may use a privilege."""
    return not missing(policy, who, privilege, on)


def manages(policy: Policy, who: Identity, on: Securable) -> bool:
    """Whether a caller may grant, change and drop it: who owns it or what it is in, or has MANAGE and reaches it."""
    if who.is_admin:
        return True
    above = (*lineage(on)[1:], METASTORE)
    if any(policy.owners.get(each) in who.principals for each in above):
        return True
    return on.kind in ACTS_ON[Privilege.MANAGE] and allowed(policy, who, Privilege.MANAGE, on)


def visible(policy: Policy, who: Identity, on: Securable) -> bool:
    """Whether a caller may know that it exists: who manages it, may browse it, or may use anything of it."""
    if manages(policy, who, on) or has(policy, who, Privilege.BROWSE, on):
        return True
    usable = (each for each in Privilege if on.kind in ACTS_ON[each] and each is not Privilege.ALL)
    return any(allowed(policy, who, each, on) for each in usable)


def effective(policy: Policy, on: Securable) -> dict[str, dict[Privilege, Securable]]:
    """By principal, what is granted on it or above, with the securable that it was granted on."""
    found: dict[str, dict[Privilege, Securable]] = {}
    for each in reversed(lineage(on)):
        for principal, granted in policy.grants.get(each, {}).items():
            for privilege in granted & grantable(on.kind):
                found.setdefault(principal, {})[privilege] = each
    return found


def groups_of(name: str, members: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """All groups that a principal is in, also through groups in groups; `members` are by group."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        above = {group for group, inside in members.items() if one in inside and group not in found}
        found |= above
        waiting += above
    return frozenset(found)


def read_privilege(text: str) -> Privilege | None:
    """The privilege that a text names, with spaces or underscores; None for none."""
    said = text.strip().upper().replace("_", " ")
    said = {"USAGE": "USE SCHEMA", "ALL": "ALL PRIVILEGES"}.get(said, said)
    return Privilege(said) if said in list(Privilege) else None


def _granted_to(granted: Granted, principals: frozenset[str]) -> Iterable[frozenset[Privilege]]:
    return (privileges for principal, privileges in granted.items() if principal in principals)


def _use(kind: Kind) -> Privilege:
    return Privilege.USE_CATALOG if kind is Kind.CATALOG else Privilege.USE_SCHEMA
