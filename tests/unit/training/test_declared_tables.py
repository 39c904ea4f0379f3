from dataclasses import replace
from pathlib import Path

import pytest

from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training.declared_tables import DECLARED_TABLES, migrate

OLDER = {table.name: replace(table, constraints={}, owner="", retention=None, retention_column="", comment="Old.")
         for table in DECLARED_TABLES}  # fmt: skip


@pytest.fixture(params=["memory", "folder"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return MemoryLake() if request.param == "memory" else open_lake(str(tmp_path))


def test_names_are_given_once() -> None:
    assert len({table.name for table in DECLARED_TABLES}) == len(DECLARED_TABLES)


def test_every_table_has_an_owner_a_key_and_a_constraint() -> None:
    assert [table.name for table in DECLARED_TABLES if not (table.owner and table.key and table.constraints)] == []


def test_all_can_be_made_and_come_back_as_they_are_declared(lake: Lake) -> None:
    for table in DECLARED_TABLES:
        lake.ensure(table)
        assert lake.declaration(table.name) == table
        assert not migrate(lake, table.name)


def test_older_tables_are_brought_up_to_date_once(lake: Lake) -> None:
    for table in DECLARED_TABLES:
        lake.ensure(OLDER[table.name])
        assert (migrate(lake, table.name), migrate(lake, table.name)) == (True, False)
        assert lake.declaration(table.name) == table
        assert dict(lake.declaration(table.name).constraints) == dict(table.constraints)


def test_tables_of_others_stay_as_they_are(lake: Lake) -> None:
    theirs = Table("quikapp_ml.features.theirs", DECLARED_TABLES[0].columns, ("event_id",), "Of somebody else.")
    lake.ensure(theirs)
    assert not migrate(lake, theirs.name)
    assert lake.declaration(theirs.name) == theirs


def test_tables_of_payloads_are_known_by_their_names(lake: Lake) -> None:
    name = "quikapp_ml.serving.mine_payload"
    lake.ensure(Table(name, DECLARED_TABLES[0].columns.remove(0), (), ""))
    assert migrate(lake, name)
    assert lake.declaration(name).owner == "ml-platform"
