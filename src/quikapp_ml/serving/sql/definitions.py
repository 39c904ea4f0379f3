"""CREATE, DROP, ALTER and COMMENT ON of what the catalog keeps; tables and views with columns are in `tables.py`."""

from collections.abc import Callable, Mapping

import pyarrow as pa

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Securable
from quikapp_ml.serving.catalog.securables import Change
from quikapp_ml.serving.catalog.tables import VIEW
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.answers import NOTHING
from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.serving.sql.granting import KINDS
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.words import WordReader


def create(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`CREATE CATALOG | SCHEMA | VOLUME [IF NOT EXISTS] name [COMMENT '…']`."""
    external = words.take("EXTERNAL")
    what = words.one_of("CATALOG", "SCHEMA", "DATABASE", "VOLUME")
    if not what:
        raise words.refuse("this CREATE", "known are CREATE CATALOG, SCHEMA, TABLE, VIEW and VOLUME")
    may_be_there = words.take("IF", "NOT", "EXISTS")
    made = session.securable(KINDS[what], words.name())
    comment = location = ""
    while not words.is_at_end():
        if words.take("COMMENT"):
            comment = words.string()
        elif external and words.take("LOCATION"):
            location = words.string()
        else:
            raise words.wrong("COMMENT")
    try:
        _created(unity, access, made, comment, location)
    except AlreadyExists as error:
        if not may_be_there:
            name = "SCHEMA" if made.kind is Kind.SCHEMA else made.kind.value.upper()
            raise SqlError(f"{name}_ALREADY_EXISTS", str(error), "42P06") from None
    return NOTHING


def drop(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`DROP kind [IF EXISTS] name [CASCADE | RESTRICT]`."""
    what = words.one_of("CATALOG", "SCHEMA", "DATABASE", "TABLE", "VIEW", "VOLUME", "FUNCTION")
    if not what:
        raise words.refuse("this DROP", "known are DROP CATALOG, SCHEMA, TABLE, VIEW, VOLUME and FUNCTION")
    may_be_gone = words.take("IF", "EXISTS")
    dropped = session.securable(KINDS[what], words.name())
    force = words.one_of("CASCADE", "RESTRICT") == "CASCADE"
    words.end()
    try:
        _dropped(unity, access, dropped, force=force, is_view=what == "VIEW")
    except NotFound as error:
        if not may_be_gone:
            condition = "SCHEMA_NOT_FOUND" if dropped.kind is Kind.SCHEMA else "TABLE_OR_VIEW_NOT_FOUND"
            raise SqlError(condition, str(error), "42704") from None
    return NOTHING


def alter(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`ALTER kind name [SET] OWNER TO principal`, `SET TBLPROPERTIES (…)`, `RENAME TO name`."""
    what = words.one_of("CATALOG", "SCHEMA", "DATABASE", "TABLE", "VIEW", "VOLUME")
    if not what:
        raise words.refuse("this ALTER", "known are ALTER CATALOG, SCHEMA, TABLE, VIEW and VOLUME")
    changed = session.securable(KINDS[what], words.name())
    if words.take("RENAME", "TO"):
        change = Change(new_name=session.securable(changed.kind, words.name()).name.rpartition(".")[2])
    elif words.one_of("SET OWNER TO", "OWNER TO"):
        change = Change(owner=words.identifier())
    elif changed.kind is Kind.TABLE and words.take("SET", "TBLPROPERTIES"):
        change = _properties(unity, access, changed.name, words.properties())
    else:
        raise words.refuse("this change", "known are OWNER TO, RENAME TO and SET TBLPROPERTIES")
    words.end()
    _change(unity, access, changed, change)
    return NOTHING


def _properties(unity: UnityCatalog, access: CallerAccess, table: str, given: Mapping[str, str]) -> Change:
    """The change of what the catalog keeps; Delta's own go to the table's log."""
    of_delta = {name: value for name, value in given.items() if name.startswith("delta.")}
    if of_delta:
        unity.tables.set_delta_properties(access, table, of_delta)
    kept = unity.tables.get(access, table).record.properties
    return Change(properties={**kept, **{name: value for name, value in given.items() if name not in of_delta}})


def comment(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`COMMENT ON kind name IS '…'`."""
    words.expect("ON")
    what = words.one_of("CATALOG", "SCHEMA", "DATABASE", "TABLE", "VIEW", "VOLUME")
    if not what:
        raise words.wrong("CATALOG, SCHEMA, TABLE or VOLUME")
    changed = session.securable(KINDS[what], words.name())
    words.expect("IS")
    text = "" if words.take("NULL") else words.string()
    words.end()
    _change(unity, access, changed, Change(comment=text))
    return NOTHING


def use(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> SqlSession:
    """`USE [CATALOG | SCHEMA] name`: the session from now on. Raises NotFound, PermissionDenied."""
    what = words.one_of("CATALOG", "SCHEMA", "DATABASE")
    name = words.name()
    words.end()
    if what == "CATALOG":
        catalog = unity.namespaces.get(access, Kind.CATALOG, session.securable(Kind.CATALOG, name).name)
        return SqlSession(catalog.name)
    schema = unity.namespaces.get(access, Kind.SCHEMA, session.securable(Kind.SCHEMA, name).name)
    return SqlSession(*schema.name.split(".", 1))


def _created(unity: UnityCatalog, access: CallerAccess, made: Securable, comment: str, location: str) -> None:
    above, _, name = made.name.rpartition(".")
    if made.kind is Kind.CATALOG:
        unity.namespaces.create_catalog(access, name, comment)
    elif made.kind is Kind.SCHEMA:
        unity.namespaces.create_schema(access, above, name, comment)
    else:
        unity.volumes.create(access, above, name, comment, location)


def _dropped(unity: UnityCatalog, access: CallerAccess, dropped: Securable, *, force: bool, is_view: bool) -> None:
    if dropped.kind in (Kind.CATALOG, Kind.SCHEMA):
        unity.namespaces.drop(access, dropped.kind, dropped.name, force=force)
        return
    if dropped.kind is Kind.TABLE:
        access.check_manages(dropped)
        if (unity.tables.described(dropped.name).table_type == VIEW) != is_view:
            raise SqlError("WRONG_COMMAND_FOR_OBJECT_TYPE", f"{dropped} is {'no' if is_view else 'a'} view.", "42809")
    parts: dict[Kind, Callable[[CallerAccess, str], None]] = {
        Kind.TABLE: unity.tables.drop,
        Kind.VOLUME: unity.volumes.drop,
        Kind.FUNCTION: unity.functions.drop,
    }
    parts[dropped.kind](access, dropped.name)


def _change(unity: UnityCatalog, access: CallerAccess, changed: Securable, change: Change) -> None:
    if changed.kind is Kind.TABLE:
        unity.tables.update(access, changed.name, change)
    elif changed.kind is Kind.VOLUME:
        unity.volumes.update(access, changed.name, change)
    else:
        unity.namespaces.update(access, changed.kind, changed.name, change)
