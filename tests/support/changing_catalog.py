"""A process that changes Unity Catalog until it is killed: `python changing_catalog.py FOLDER SEED`."""

import random
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound, PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.columns import Column
from quikapp_ml.serving.catalog.grants import GrantChange
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import Change
from quikapp_ml.serving.catalog.tables import NewTable
from quikapp_ml.serving.catalog.unity import Places, UnityCatalog, open_unity_catalog
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state import open_state

SCHEMAS = ("quikapp_ml.default", "other.default")
NAMES = tuple(f"{schema}.t{number}" for schema in SCHEMAS for number in range(3))
ROOT = Caller("root", ("all-apis",), is_admin=True)
MAKER = Caller("maker", ("all-apis",), is_admin=False)
COLUMNS = (Column("n", "long"),)
REFUSALS = (AlreadyExists, Conflict, NotFound, PermissionDenied)
"""Of a table that is there already, was changed by somebody else, or is gone: its maker owns it no longer."""

ROWS = pa.table({"n": [1, 2, 3]})


def opened(folder: Path) -> UnityCatalog:
    """The catalog in the folder, where `maker` may do everything, and catalog `other`."""
    lake = str(folder / "lakehouse")
    state = open_state(f"sqlite:///{folder / 'state.db'}")
    unity = open_unity_catalog(state, DeltaLake(lake), MemoryRegistry(), Places(lake, str(folder)), "root")
    with suppress(AlreadyExists):
        unity.namespaces.create_catalog(unity.access(ROOT), "other")
    for catalog in ("quikapp_ml", "other"):
        change = [GrantChange("maker", [Privilege.ALL])]
        unity.grants.change(unity.access(ROOT), Securable(Kind.CATALOG, catalog), change)
    return unity


def change_one(unity: UnityCatalog, chance: random.Random) -> None:
    """Make, drop, grant or describe one of the tables."""
    name = chance.choice(NAMES)
    access = unity.access(MAKER)
    with suppress(*REFUSALS):
        _do(unity, access, name, chance.randrange(5))


def _do(unity: UnityCatalog, access: CallerAccess, name: str, what: int) -> None:
    schema, _, short = name.rpartition(".")
    if what == 0:
        unity.tables.create(access, NewTable(schema, short, COLUMNS))
    elif what == 1:
        unity.tables.create(access, NewTable(schema, short, COLUMNS), ROWS)
    elif what == 2:
        unity.tables.drop(access, name)
    elif what == 3:
        pair = (GrantChange("reader", [Privilege.SELECT]), GrantChange("writer", [Privilege.MODIFY]))
        unity.grants.change(access, Securable(Kind.TABLE, name), pair)
    else:
        unity.tables.update(access, name, Change(comment="changed", properties={"comment": "changed"}))


def main() -> None:
    """Until it is killed."""
    unity, chance = opened(Path(sys.argv[1])), random.Random(int(sys.argv[2]))
    print("changing", flush=True)  # noqa: T201
    while True:
        change_one(unity, chance)


if __name__ == "__main__":
    main()
