"""Catalogs, schemas, tables, volumes, functions, grants: what is made is there, and only who may sees it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, FeatureDisabled, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.columns import Column
from quikapp_ml.serving.catalog.grants import GrantChange
from quikapp_ml.serving.catalog.rules import METASTORE, Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import SCHEMAS, Change
from quikapp_ml.serving.catalog.tables import NewTable
from quikapp_ml.serving.catalog.unity import Places, UnityCatalog, open_unity_catalog
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.delta_folders import folder_of_url
from quikapp_ml.stores.lake.tables import PROMOTIONS
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.catalog import Principal

ROOT = Caller("root", ("all-apis",), is_admin=True)
ANN = Caller("ann", ("all-apis",), is_admin=False)
COLUMNS = (Column("n", "long", False, "a number"), Column("day", "date"))
OPEN = Table("quikapp_ml.open.numbers", pa.schema([("n", pa.int64())]), ("n",), "Some numbers.")
T = Securable(Kind.TABLE, OPEN.name)


def grant(unity: UnityCatalog, kind: Kind, name: str, principal: str, *privileges: Privilege) -> None:
    unity.grants.change(unity.access(ROOT), Securable(kind, name), [GrantChange(principal, privileges)])


def make(unity: UnityCatalog, caller: Caller, schema: str, name: str, location: str = "") -> str:
    new = NewTable(schema, name, COLUMNS, ("day",), "why", {"delta.appendOnly": "true", "team": "ml"}, location)
    return unity.tables.create(unity.access(caller), new).name


def test_what_the_service_made_is_listed_as_the_administrators(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    access = unity.access(ROOT)
    assert [each.name for each in unity.namespaces.catalogs(access)] == ["quikapp_ml"]
    schemas = [each.name.partition(".")[2] for each in unity.namespaces.schemas(access, "quikapp_ml")]
    assert schemas == sorted([*SCHEMAS, "open"])
    info = unity.tables.get(access, OPEN.name.upper())
    assert (info.record.owner, info.comment, info.table_type) == ("root", "Some numbers.", "MANAGED")
    assert info.columns == [Column("n", "long")] and info.location == unity.securables.lake.uri(OPEN.name)
    assert unity.tables.get(access, OPEN.name).table_id == info.table_id


def test_without_grants_there_is_nothing(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    access = unity.access(ANN)
    assert unity.namespaces.catalogs(access) == []
    for name in (OPEN.name, "quikapp_ml.open.no_such"):
        with pytest.raises(PermissionDenied, match="User does not have USE CATALOG on Catalog 'quikapp_ml'"):
            unity.tables.get(access, name)
    with pytest.raises(PermissionDenied):
        unity.namespaces.schemas(access, "quikapp_ml")


def test_grants_open_the_way_step_by_step(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    steps = (
        (Kind.CATALOG, "quikapp_ml", Privilege.USE_CATALOG),
        (Kind.SCHEMA, "quikapp_ml.open", Privilege.USE_SCHEMA),
        (Kind.TABLE, OPEN.name, Privilege.SELECT),
    )
    for kind, name, privilege in steps:
        with pytest.raises(PermissionDenied):
            unity.access(ANN).check(Privilege.SELECT, T)
        grant(unity, kind, name, "ann", privilege)
    unity.access(ANN).check(Privilege.SELECT, T)
    assert unity.tables.names(unity.access(ANN), "quikapp_ml.open") == [OPEN.name]
    unity.grants.change(unity.access(ROOT), T, [GrantChange("ann", remove=[Privilege.SELECT])])
    assert unity.tables.names(unity.access(ANN), "quikapp_ml.open") == []


def test_a_group_carries_its_members(unity: UnityCatalog) -> None:
    unity.securables.state.principals.add(Principal("group", "1", "analysts", "Analysts", ("ann",)))
    unity.securables.state.principals.add(Principal("group", "2", "all", "All", ("analysts",)))
    grant(unity, Kind.CATALOG, "quikapp_ml", "all", Privilege.ALL)
    unity.access(ANN).check(Privilege.CREATE_TABLE, Securable(Kind.SCHEMA, "quikapp_ml.default"))


def test_a_table_is_its_makers(unity: UnityCatalog) -> None:
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.USE_CATALOG, Privilege.USE_SCHEMA)
    with pytest.raises(PermissionDenied, match="CREATE TABLE on Schema"):
        make(unity, ANN, "quikapp_ml.default", "t")
    grant(unity, Kind.SCHEMA, "quikapp_ml.default", "ann", Privilege.CREATE_TABLE)
    name = make(unity, ANN, "quikapp_ml.default", "T")
    info = unity.tables.get(unity.access(ANN), name)
    assert (info.record.owner, info.comment, tuple(info.columns)) == ("ann", "why", COLUMNS)
    assert info.properties == {"delta.appendOnly": "true", "team": "ml"} and tuple(info.partition_by) == ("day",)
    assert unity.securables.lake.columns(name).names == ["n", "day"]
    with pytest.raises(AlreadyExists):
        make(unity, ANN, "quikapp_ml.default", "t")
    unity.tables.drop(unity.access(ANN), name)
    assert not unity.securables.lake.exists(name)
    with pytest.raises(NotFound):
        unity.tables.drop(unity.access(ROOT), name)


def test_a_new_table_has_no_grants_of_an_old_one(unity: UnityCatalog) -> None:
    name = make(unity, ROOT, "quikapp_ml.default", "t")
    grant(unity, Kind.TABLE, name, "ann", Privilege.SELECT)
    unity.securables.lake.drop(name)  # as a process that was killed before it forgot the record
    assert unity.tables.names(unity.access(ROOT), "quikapp_ml.default") == []
    make(unity, ROOT, "quikapp_ml.default", "t")
    assert unity.grants.direct(unity.access(ROOT), Securable(Kind.TABLE, name)) == {}


def test_tables_of_other_catalogs_are_found_by_their_records(unity: UnityCatalog) -> None:
    access = unity.access(ROOT)
    unity.namespaces.create_catalog(access, "Sales", "what we sell", {"a": "b"})
    unity.namespaces.create_schema(access, "sales", "eu-west")
    name = make(unity, ROOT, "sales.eu-west", "orders")
    unity.namespaces.update(access, Kind.CATALOG, "sales", Change(new_name="shop", comment="new"))
    info = unity.tables.get(access, "shop.eu-west.orders")
    assert name == "sales.eu-west.orders" and "/.unity/tables/" in info.location
    assert "shop.eu-west" not in unity.securables.lake.names()
    files = unity.volumes.create(access, "shop.eu-west", "files").details["storage_location"]
    with pytest.raises(Conflict):
        unity.namespaces.drop(access, Kind.CATALOG, "shop")
    unity.namespaces.drop(access, Kind.CATALOG, "shop", force=True)
    assert not folder_of_url(info.location).exists() and not folder_of_url(files).exists()
    assert unity.securables.state.catalog.owners() == {}


def test_an_external_table_is_only_for_administrators_and_never_inside_the_home(
    unity: UnityCatalog, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.ALL)
    with pytest.raises(PermissionDenied, match="administrator"):
        make(unity, ANN, "quikapp_ml.default", "e", str(outside))
    inside = unity.securables.root().url("bronze", "events")
    (tmp_path / "file").touch()
    ways = (tmp_path.as_uri(), "/", "relative", "http://elsewhere/x", f"{outside}/../höme/lakehouse/x")
    for wrong in (inside, *ways, f"{tmp_path}/file/x"):
        with pytest.raises(InvalidInput):
            make(unity, ROOT, "quikapp_ml.default", "e", wrong)
    name = make(unity, ROOT, "quikapp_ml.default", "e", outside.as_uri())
    assert unity.tables.get(unity.access(ROOT), name).table_type == "EXTERNAL"
    unity.tables.drop(unity.access(ROOT), name)
    assert (outside / "_delta_log").is_dir()
    make(unity, ROOT, "quikapp_ml.default", "again", outside.as_uri())


def test_a_staged_table_is_made_at_the_place_that_was_named(unity: UnityCatalog) -> None:
    access = unity.access(ROOT)
    unity.namespaces.create_catalog(access, "sales")
    for schema in ("quikapp_ml.default", "sales.default"):
        table, place = unity.tables.stage(access, schema, "T")
        for wrong in (f"{place}x", place.replace("default", "bronze") + "/x", f"{place}/../events", "file:///tmp/x"):
            with pytest.raises(InvalidInput, match="staging-tables"):
                unity.tables.create(access, NewTable(schema, "t", COLUMNS, staged=wrong))
        made = unity.tables.create(access, NewTable(schema, "t", COLUMNS, staged=place))
        assert (made.name, made.location, made.table_type) == (table.name, place, "MANAGED")
        with pytest.raises(AlreadyExists):
            unity.tables.stage(access, schema, "t")
    with pytest.raises(InvalidInput):
        unity.tables.create(access, NewTable("sales.default", "thief", COLUMNS, staged=place))


def test_names_that_files_are_found_by_are_kept(unity: UnityCatalog) -> None:
    access, name = unity.access(ROOT), make(unity, ROOT, "quikapp_ml.default", "t")
    for kind, named in ((Kind.CATALOG, "quikapp_ml"), (Kind.SCHEMA, "quikapp_ml.default")):
        with pytest.raises(FeatureDisabled):
            unity.namespaces.update(access, kind, named, Change(new_name="other"))
    with pytest.raises(FeatureDisabled):
        unity.tables.update(access, name, Change(new_name="other"))
    with pytest.raises(FeatureDisabled):
        unity.namespaces.drop(access, Kind.CATALOG, "quikapp_ml", force=True)


def test_what_the_service_writes_is_not_dropped(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(PROMOTIONS)
    with pytest.raises(FeatureDisabled, match="written by the service"):
        unity.tables.drop(unity.access(ROOT), PROMOTIONS.name)


def test_who_owns_a_thing_changes_it_and_gives_it_to_its_own_groups_only(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    access = unity.access(ROOT)
    info = unity.tables.update(access, OPEN.name, Change("ann", "new words", {"team": "ml"}))
    assert (info.record.owner, info.comment, info.properties["team"]) == ("ann", "new words", "ml")
    assert info.table_id == unity.tables.described(OPEN.name).table_id
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.USE_CATALOG, Privilege.USE_SCHEMA)
    with pytest.raises(PermissionDenied, match="an owner"):
        unity.tables.update(unity.access(ANN), OPEN.name, Change("root"))
    assert unity.tables.update(unity.access(ANN), OPEN.name, Change(comment="mine")).comment == "mine"
    with pytest.raises(PermissionDenied, match="MANAGE"):
        unity.namespaces.update(unity.access(ANN), Kind.SCHEMA, "quikapp_ml.open", Change(comment="mine"))


def test_a_volume_is_read_and_written_by_its_grants(unity: UnityCatalog) -> None:
    access = unity.access(ROOT)
    volume = unity.volumes.create(access, "quikapp_ml.default", "files", "why")
    folder = unity.volumes.folder(access, volume.name, writes=True)
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.READ_VOLUME)
    assert unity.volumes.folder(unity.access(ANN), volume.name, writes=False) == folder
    with pytest.raises(PermissionDenied, match="WRITE VOLUME"):
        unity.volumes.folder(unity.access(ANN), volume.name, writes=True)
    assert unity.volumes.update(access, volume.name, Change(new_name="papers")).name == "quikapp_ml.default.papers"
    unity.volumes.drop(access, "quikapp_ml.default.papers")
    assert not folder.exists()


def test_a_volume_is_a_folder(unity: UnityCatalog) -> None:
    with pytest.raises(FeatureDisabled, match="object store"):
        unity.volumes.create(unity.access(ROOT), "quikapp_ml.default", "far", location="s3://bucket/far")
    assert unity.volumes.all(unity.access(ROOT), "quikapp_ml.default") == []


def test_functions_are_kept_as_they_were_told(unity: UnityCatalog) -> None:
    access = unity.access(ROOT)
    made = unity.functions.create(access, "quikapp_ml.default", "area", "why", {"routine_definition": "x * y"})
    assert unity.functions.all(access, "quikapp_ml.default") == [made]
    assert unity.functions.get(access, made.name).details == {"routine_definition": "x * y"}
    with pytest.raises(AlreadyExists):
        unity.functions.create(access, "quikapp_ml.default", "AREA", "", {})
    unity.functions.drop(access, made.name)
    with pytest.raises(NotFound):
        unity.functions.get(access, made.name)


def test_grants_are_told_to_who_manages_and_others_hear_of_their_own(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.SELECT)
    grant(unity, Kind.TABLE, OPEN.name, "bob", Privilege.MODIFY)
    assert unity.grants.direct(unity.access(ROOT), T) == {"bob": {Privilege.MODIFY: T}}
    catalog = Securable(Kind.CATALOG, "quikapp_ml")
    assert unity.grants.effective(unity.access(ANN), T) == {"ann": {Privilege.SELECT: catalog}}
    with pytest.raises(PermissionDenied):
        unity.grants.change(unity.access(ANN), T, [GrantChange("ann", [Privilege.MODIFY])])


def test_what_cannot_be_granted_is_refused(unity: UnityCatalog) -> None:
    unity.securables.lake.ensure(OPEN)
    access = unity.access(ROOT)
    with pytest.raises(InvalidInput, match="not applicable"):
        unity.grants.change(access, T, [GrantChange("ann", [Privilege.USE_CATALOG])])
    with pytest.raises(InvalidInput, match="principal"):
        unity.grants.change(access, T, [GrantChange("", [Privilege.SELECT])])
    with pytest.raises(NotFound):
        unity.grants.change(
            access, Securable(Kind.TABLE, "quikapp_ml.open.gone"), [GrantChange("ann", [Privilege.SELECT])]
        )
    with pytest.raises(PermissionDenied):
        unity.namespaces.create_catalog(unity.access(ANN), "mine")
    unity.grants.change(access, METASTORE, [GrantChange("ann", [Privilege.CREATE_CATALOG])])
    assert unity.namespaces.create_catalog(unity.access(ANN), "mine").owner == "ann"
    assert [each.name for each in unity.namespaces.schemas(unity.access(ANN), "mine")] == ["mine.default"]


def test_what_the_log_says_of_delta_is_told_after_a_change(unity: UnityCatalog) -> None:
    name = make(unity, ROOT, "quikapp_ml.features", "logged")
    access = unity.access(ROOT)
    unity.tables.set_delta_properties(access, name, {"delta.appendOnly": "false"})
    assert unity.tables.get(access, name).properties == {"delta.appendOnly": "false", "team": "ml"}


def test_of_several_who_make_a_table_of_one_name_one_does_whatever_they_make_it_by(
    unity: UnityCatalog, tmp_path: Path
) -> None:
    """The catalog, a second service over the same state, and the lake, as the feature store asks it."""
    lake, name = unity.securables.lake, "quikapp_ml.features.raced"
    other = open_unity_catalog(
        unity.securables.state,
        lake,
        MemoryRegistry(),
        Places(str(tmp_path / "höme" / "lakehouse"), str(tmp_path)),
        "root",
    )
    declared = Table(name, pa.schema([("n", pa.int64())]), ("n",), "By the lake.")

    def by_catalog(catalog: UnityCatalog) -> str:
        return make(catalog, ROOT, "quikapp_ml.features", "raced")

    def by_lake() -> str:
        lake.create(declared)
        return name

    for _ in range(3):
        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(by_lake), pool.submit(by_catalog, unity), pool.submit(by_catalog, other)]
            errors = [each.exception() for each in asked]
        won = [index for index, error in enumerate(errors) if error is None]
        assert len(won) == 1 and all(isinstance(each, AlreadyExists | None) for each in errors), errors
        record = unity.securables.state.catalog.find("table", name)
        assert won != [0] or record is None, "it is no caller's of the catalog"
        unity.tables.drop(unity.access(ROOT), name)


def test_a_table_that_somebody_made_meanwhile_is_not_the_callers(
    unity: UnityCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = unity.securables.lake
    lake.ensure(Table("quikapp_ml.features.late", OPEN.columns, ("n",), "Theirs."))
    grant(unity, Kind.CATALOG, "quikapp_ml", "ann", Privilege.USE_CATALOG, Privilege.USE_SCHEMA)
    grant(unity, Kind.SCHEMA, "quikapp_ml.features", "ann", Privilege.CREATE_TABLE)
    monkeypatch.setattr(unity.tables, "exists", lambda _name: False)  # it came after this was asked
    with pytest.raises(AlreadyExists):
        make(unity, ANN, "quikapp_ml.features", "late")
    monkeypatch.undo()
    assert unity.securables.state.catalog.find("table", "quikapp_ml.features.late") is None
    with pytest.raises(PermissionDenied):
        unity.tables.drop(unity.access(ANN), "quikapp_ml.features.late")
