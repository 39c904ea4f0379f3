"""SHOW and DESCRIBE."""

from collections.abc import Callable, Iterable
from datetime import UTC
from fnmatch import fnmatchcase

import pyarrow as pa

from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.columns import type_text
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.tables import VIEW, TableInfo
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.answers import text_rows
from quikapp_ml.serving.sql.granting import show_grants
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.words import WordReader

Show = Callable[[UnityCatalog, CallerAccess, SqlSession, WordReader], pa.Table]

_MOST_COMMITS = 1000
_HISTORY = pa.schema(
    [
        ("version", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("userId", pa.string()),
        ("userName", pa.string()),
        ("operation", pa.string()),
        ("operationParameters", pa.map_(pa.string(), pa.string())),
        ("operationMetrics", pa.map_(pa.string(), pa.string())),
        ("engineInfo", pa.string()),
    ]
)
_TOLD_PARAMETERS = frozenset({"mode", "partitionBy", "predicate", "matchedPredicates", "notMatchedPredicates"})
"""The others hold places of files, and whole schemas."""


def show(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`SHOW …`."""
    what = words.one_of(*_SHOWN)
    if not what:
        raise words.refuse("this SHOW", f"known are SHOW {', '.join(_SHOWN)}")
    return _SHOWN[what](unity, access, session, words)


def describe(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`DESCRIBE …`."""
    what = words.one_of("HISTORY", "DETAIL", "CATALOG", "SCHEMA", "DATABASE", "VOLUME", "QUERY", "FUNCTION")
    if what in _DESCRIBED:
        return _DESCRIBED[what](unity, access, session, words)
    if what:
        raise words.refuse(f"DESCRIBE {what}", "ask for tables, schemas, catalogs, HISTORY or DETAIL")
    words.take("TABLE")
    extended = bool(words.one_of("EXTENDED", "FORMATTED"))
    info = _table(unity, access, session, words)
    rows: list[tuple[str, str | None, str | None]] = [
        (each.name, type_text(each.type), each.comment or None) for each in info.columns
    ]
    if info.partition_by:
        rows += [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        rows += [(each.name, type_text(each.type), None) for each in info.columns if each.name in info.partition_by]
    if extended:
        rows += [("", "", ""), ("# Detailed Table Information", "", ""), *_details(info)]
    return text_rows(("col_name", "data_type", "comment"), rows)


def _catalogs(unity: UnityCatalog, access: CallerAccess, _session: SqlSession, words: WordReader) -> pa.Table:
    like = _pattern(words)
    names = [each.name for each in unity.namespaces.catalogs(access)]
    return text_rows(("catalog",), ([name] for name in names if like(name)))


def _schemas(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    catalog = session.securable(Kind.CATALOG, words.name()).name if words.one_of("IN", "FROM") else session.catalog
    like = _pattern(words)
    names = [each.name.partition(".")[2] for each in unity.namespaces.schemas(access, catalog)]
    return text_rows(("databaseName",), ([name] for name in names if like(name)))


def _tables(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    schema, like = _schema(session, words), _pattern(words)
    found = (name.split(".") for name in unity.tables.names(access, schema))
    return text_rows(("database", "tableName", "isTemporary"), ((s, t, "false") for _, s, t in found if like(t)))


def _views(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    schema, like = _schema(session, words), _pattern(words)
    names = unity.tables.names(access, schema)
    views = [name.split(".") for name in names if unity.tables.described(name).table_type == VIEW]
    return text_rows(("namespace", "viewName", "isTemporary"), ((s, v, "false") for _, s, v in views if like(v)))


def _volumes(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    schema, like = _schema(session, words), _pattern(words)
    names = (each.name.split(".") for each in unity.volumes.all(access, schema))
    return text_rows(("database", "volume_name"), ((s, v) for _, s, v in names if like(v)))


def _columns(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    if not words.one_of("IN", "FROM"):
        raise words.wrong("IN")
    return text_rows(("col_name",), ([each.name] for each in _table(unity, access, session, words).columns))


def _create_table(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    info = _table(unity, access, session, words)
    if info.table_type == VIEW:
        text = f"CREATE VIEW {info.name} AS {info.view_definition}"
    else:
        columns = ",\n  ".join(
            f"{each.name} {type_text(each.type).upper()}{'' if each.nullable else ' NOT NULL'}" for each in info.columns
        )
        by = f"\nPARTITIONED BY ({', '.join(info.partition_by)})" if info.partition_by else ""
        text = f"CREATE TABLE {info.name} (\n  {columns})\nUSING delta{by}"
    return text_rows(("createtab_stmt",), [[text]])


def _properties(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    return text_rows(("key", "value"), sorted(_table(unity, access, session, words).properties.items()))


def _history(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    table = session.securable(Kind.TABLE, words.name())
    limit = words.number() if words.take("LIMIT") else _MOST_COMMITS
    words.end()
    access.check(Privilege.SELECT, table)
    commits = unity.tables.history(table.name, max(1, min(limit, _MOST_COMMITS)))
    rows = [
        {
            "version": each.version,
            "timestamp": each.time.astimezone(UTC),
            "operation": each.operation,
            "operationParameters": [(key, value) for key, value in each.parameters.items() if key in _TOLD_PARAMETERS],
            "operationMetrics": list(each.metrics.items()),
            "engineInfo": each.engine,
        }
        for each in commits
    ]
    return pa.Table.from_pylist(rows, schema=_HISTORY)


def _detail(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    info = _table(unity, access, session, words)
    row = ("delta", info.table_id, info.name, info.comment or None, info.location or None, ", ".join(info.partition_by))
    return text_rows(("format", "id", "name", "description", "location", "partitionColumns"), [row])


def _catalog(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    return _namespace(unity, access, session, words, Kind.CATALOG)


def _one_schema(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    return _namespace(unity, access, session, words, Kind.SCHEMA)


def _namespace(
    unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader, kind: Kind
) -> pa.Table:
    words.take("EXTENDED")
    record = unity.namespaces.get(access, kind, session.securable(kind, words.name()).name)
    words.end()
    named = (("Catalog Name", record.name),) if kind is Kind.CATALOG else (
        ("Catalog Name", record.name.partition(".")[0]), ("Namespace Name", record.name.partition(".")[2])
    )  # fmt: skip
    return text_rows(("info_name", "info_value"), (*named, ("Comment", record.comment), ("Owner", record.owner)))


def _details(info: TableInfo) -> Iterable[tuple[str, str | None, str | None]]:
    catalog, schema, table = info.name.split(".", 2)
    told = (
        ("Catalog", catalog), ("Database", schema), ("Table", table), ("Owner", info.record.owner),
        ("Created Time", info.created_at.isoformat()), ("Type", info.table_type), ("Comment", info.comment),
        ("Location", info.location), ("View Text", info.view_definition),
        ("Provider", "" if info.table_type == VIEW else "delta"),
        ("Table Properties", ", ".join(f"{key}={value}" for key, value in sorted(info.properties.items()))),
    )  # fmt: skip
    return [(name, value, "") for name, value in told if value]


def _table(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> TableInfo:
    table: Securable = session.securable(Kind.TABLE, words.name())
    words.end()
    return unity.tables.get(access, table.name)


def _schema(session: SqlSession, words: WordReader) -> str:
    if words.one_of("IN", "FROM"):
        return session.securable(Kind.SCHEMA, words.name()).name
    return f"{session.catalog}.{session.schema}"


def _pattern(words: WordReader) -> Callable[[str], bool]:
    """`[LIKE] 'a*|b'`: stars stand for anything, bars between what is allowed."""
    words.take("LIKE")
    patterns = ["*"] if words.is_at_end() else words.string().lower().replace("%", "*").split("|")
    words.end()
    return lambda name: any(fnmatchcase(name, each.strip()) for each in patterns)


_SHOWN: dict[str, Show] = {
    "CATALOGS": _catalogs,
    "SCHEMAS": _schemas,
    "DATABASES": _schemas,
    "TABLES": _tables,
    "VIEWS": _views,
    "VOLUMES": _volumes,
    "COLUMNS": _columns,
    "GRANTS": show_grants,
    "GRANT": show_grants,
    "CREATE TABLE": _create_table,
    "TBLPROPERTIES": _properties,
}

_DESCRIBED: dict[str, Show] = {
    "HISTORY": _history,
    "DETAIL": _detail,
    "CATALOG": _catalog,
    "SCHEMA": _one_schema,
    "DATABASE": _one_schema,
}
