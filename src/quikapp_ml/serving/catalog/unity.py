"""Unity Catalog as a whole: one object with its parts, for REST, for SQL and for whatever else lets data out."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.functions import Functions
from quikapp_ml.serving.catalog.grants import Grants
from quikapp_ml.serving.catalog.namespaces import Namespaces
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import Securables
from quikapp_ml.serving.catalog.table_ids import TableIds
from quikapp_ml.serving.catalog.tables import Tables
from quikapp_ml.serving.catalog.volumes import Volumes
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.base import ControlState


@dataclass(frozen=True)
class UnityCatalog:
    """The parts of Unity Catalog over one state and one lake."""

    securables: Securables
    namespaces: Namespaces
    tables: Tables
    table_ids: TableIds
    volumes: Volumes
    functions: Functions
    grants: Grants

    def access(self, caller: Caller) -> CallerAccess:
        """What a caller may do now."""
        return self.securables.access(caller)

    def check_reads(self, who: str, table: str) -> None:
        """Raises PermissionDenied when somebody, who does not ask right now, may not read a table any more."""
        caller = Caller(who, (), who == self.securables.admin)
        self.access(caller).check(Privilege.SELECT, Securable(Kind.TABLE, table))


@dataclass(frozen=True)
class Places:
    """URLs: the lake's root, and what no external table may be in besides."""

    root: str
    home: str


def open_unity_catalog(
    state: ControlState,
    lake: Lake,
    registry: ModelRegistry,
    places: Places,
    admin: str,
    clock: Callable[[], float] = time.time,
) -> UnityCatalog:
    """Put the parts together; nothing is read or written before the first question."""
    securables = Securables(state, lake, places.root, admin, clock)
    guarded = (places.home, places.root)
    tables, volumes = Tables(securables, guarded), Volumes(securables, guarded)

    def has_model(name: str) -> bool:
        return name in registry.names()

    return UnityCatalog(
        securables,
        Namespaces(securables, tables, volumes),
        tables,
        TableIds(securables, tables),
        volumes,
        Functions(securables),
        Grants(securables, tables, has_model),
    )
