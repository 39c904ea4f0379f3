"""Tables by id: records first, and each log once a minute."""

import pyarrow as pa
import pytest

from quikapp_ml.errors import NotFound, PermissionDenied
from quikapp_ml.serving.catalog.columns import Column
from quikapp_ml.serving.catalog.table_ids import KEPT_SECONDS, TableIds
from quikapp_ml.serving.catalog.tables import NewTable, Tables
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.stores.lake.base import Table

from .conftest import ANN, ROOT

OPEN = Table("quikapp_ml.open.numbers", pa.schema([("n", pa.int64())]), ("n",), "Some numbers.")


def test_a_table_is_found_by_its_id_and_its_log_is_read_once_a_minute(
    unity: UnityCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, now, read = unity.securables.lake, [0.0], list[str]()
    lake.ensure(OPEN)
    made = unity.tables.create(unity.access(ROOT), NewTable("quikapp_ml.features", "made", [Column("n", "long")]))
    described = Tables.described

    def counted(self: Tables, name: str) -> object:
        read.append(name)
        return described(self, name)

    monkeypatch.setattr(Tables, "described", counted)
    ids = TableIds(unity.securables, unity.tables, lambda: now[0])
    assert ids.name(made.table_id) == made.name and read == []
    open_id = ids.id(OPEN.name)
    read.clear()
    assert [ids.name(open_id) for _ in range(3)] == [OPEN.name] * 3
    for _ in range(3):
        with pytest.raises(NotFound, match="no table with the id"):
            ids.name("none")
    assert read == [OPEN.name]
    lake.drop(OPEN.name)
    with pytest.raises(NotFound):
        ids.name(open_id)
    lake.ensure(OPEN)
    now[0] += KEPT_SECONDS
    assert ids.name(ids.id(OPEN.name)) == OPEN.name


def test_who_does_not_ask_right_now_is_held_to_the_grants_of_now(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    unity.check_reads(ROOT.name, OPEN.name)
    with pytest.raises(PermissionDenied, match="does not have"):
        unity.check_reads(ANN.name, OPEN.name)
