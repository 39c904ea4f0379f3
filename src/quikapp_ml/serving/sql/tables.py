"""CREATE TABLE and CREATE VIEW: columns, or the rows of a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from sqlglot import exp

from quikapp_ml.errors import AlreadyExists, FeatureDisabled
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.columns import Column, read_type, schema_text
from quikapp_ml.serving.catalog.rules import Privilege, Securable
from quikapp_ml.serving.catalog.securables import Change
from quikapp_ml.serving.catalog.tables import VIEW, NewTable
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.errors import SqlError, syntax_error, unsupported
from quikapp_ml.serving.sql.planning import parsed, resolve
from quikapp_ml.serving.sql.results import columns_of
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.words import DIALECT
from quikapp_ml.stores.lake.delta_folders import add_delta_columns, empty_rows, overwrite_delta

PRIMARY_KEY = "quikapp_ml.key"
"""Property of a table that names its key, as tables of the lake have it."""


@dataclass(frozen=True)
class Definition:
    """What a CREATE says, but for its query."""

    name: Securable
    columns: Sequence[Column] = ()
    partition_by: Sequence[str] = ()
    comment: str = ""
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    may_be_there: bool = False
    replaces: bool = False

    def new(self) -> NewTable:
        """The table as the catalog makes it."""
        schema, _, name = self.name.name.rpartition(".")
        return NewTable(
            schema, name, self.columns, self.partition_by, self.comment, self.properties, self.location
        )  # fmt: skip


def read_definition(statement: exp.Create, session: SqlSession) -> Definition:
    """What a CREATE TABLE or VIEW says. Raises SqlError for what is not done here."""
    told = statement.this
    table, items = (told.this, told.expressions) if isinstance(told, exp.Schema) else (told, [])
    if statement.args.get("clone") is not None:
        raise unsupported("CLONE", "CREATE TABLE … AS SELECT copies rows")
    if not isinstance(table, exp.Table):
        raise syntax_error("a table is expected after CREATE TABLE.")
    columns, keys = _columns(items)
    found = Definition(
        resolve(table, session),
        columns,
        may_be_there=bool(statement.args.get("exists")),
        replaces=bool(statement.args.get("replace")),
        properties={PRIMARY_KEY: ", ".join(keys)} if keys else {},
    )
    for each in _listed(statement.args.get("properties")):
        found = _with_property(found, each)
    return found


def make_table(unity: UnityCatalog, access: CallerAccess, definition: Definition, rows: pa.Table | None) -> None:
    """Make a table, empty or with the rows of a query. Raises AlreadyExists, PermissionDenied."""
    if rows is not None:
        if definition.columns:
            raise syntax_error("CREATE TABLE … AS SELECT takes its columns from the query.")
        definition, rows = replace(definition, columns=columns_of(rows.schema)), _typed(rows)
    name = definition.name.name
    if definition.replaces and unity.tables.exists(name):
        _replace(unity, access, definition, rows)
        return
    try:
        unity.tables.create(access, definition.new(), rows)
    except AlreadyExists:
        if not definition.may_be_there:
            raise


def add_columns(unity: UnityCatalog, access: CallerAccess, session: SqlSession, statement: exp.Expr) -> None:
    """`ALTER TABLE name ADD COLUMNS (…)`. Raises SqlError, PermissionDenied."""
    table, actions = statement.this, statement.args.get("actions") or []
    told = [one for each in actions for one in (each.expressions if isinstance(each, exp.Schema) else [each])]
    if not isinstance(table, exp.Table) or not all(isinstance(each, exp.ColumnDef) for each in told):
        raise unsupported("this change of columns", "ADD COLUMNS (name type, …) is known")
    name, columns = resolve(table, session), [_column(each) for each in told]
    access.check(Privilege.MODIFY, name)
    info = unity.tables.described(name.name)
    if info.table_type == VIEW:
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", f"{info.name} is a view.", "42809")
    taken = {column.name.lower() for column in info.columns}
    for column in columns:
        if column.name.lower() in taken:
            raise SqlError("FIELD_ALREADY_EXISTS", f"{info.name} has a column {column.name!r}.", "42710")
        if not column.nullable:
            raise unsupported("adding a column that is NOT NULL", "rows that are there have no value of it")
    add_delta_columns(info.location, schema_text(columns))


def make_view(
    unity: UnityCatalog, access: CallerAccess, definition: Definition, text: str, rows: pa.Table, session: SqlSession
) -> None:
    """Keep a view: its text, the session that its names mean something in, and the columns of the rows it gave."""
    found = columns_of(rows.schema)
    if definition.columns:
        if len(definition.columns) != len(found):
            message = f"the view has {len(definition.columns)} columns, its query {len(found)}."
            raise SqlError("CREATE_VIEW_COLUMN_ARITY_MISMATCH", message, "21S01")
        names = [column.name for column in definition.columns]
        text = _renamed(text, names)
        found = [replace(column, name=name) for column, name in zip(found, names, strict=True)]
    name = definition.name.name
    if definition.replaces and unity.tables.exists(name):
        access.check_manages(definition.name)
        if unity.tables.described(name).table_type != VIEW:
            raise SqlError("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", f"{name} is a table.", "42809")
        unity.tables.rewrite_view(access, name, text, f"{session.catalog}.{session.schema}", found)
        return
    new = replace(definition.new(), columns=found, view_definition=text, session=f"{session.catalog}.{session.schema}")
    try:
        unity.tables.create(access, new)
    except AlreadyExists:
        if not definition.may_be_there:
            raise


def _typed(rows: pa.Table) -> pa.Table:
    """Columns of nothing but NULL are texts in a table."""
    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in rows.schema]
    return rows.cast(pa.schema(fields))


def _renamed(text: str, names: Sequence[str]) -> str:
    columns = [exp.to_identifier(name, quoted=True) for name in names]
    inner = exp.Subquery(this=parsed(text), alias=exp.TableAlias(this=exp.to_identifier("told"), columns=columns))
    return exp.select("*").from_(inner).sql(dialect=DIALECT)


def _replace(unity: UnityCatalog, access: CallerAccess, definition: Definition, rows: pa.Table | None) -> None:
    """A new version with other columns: grants and history stay."""
    access.check_manages(definition.name)
    info = unity.tables.described(definition.name.name)
    if info.table_type == VIEW:
        raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", f"{info.name} is a view.", "42809")
    unity.tables.check_droppable(info.name)
    new_rows = empty_rows(schema_text(definition.columns)) if rows is None else rows
    overwrite_delta(info.location, new_rows, definition.partition_by)
    unity.tables.update(access, info.name, Change(comment=definition.comment))


def _columns(items: Sequence[exp.Expr]) -> tuple[list[Column], list[str]]:
    columns: list[Column] = []
    keys: list[str] = []
    for each in items:
        if isinstance(each, exp.ColumnDef):
            columns.append(_column(each))
            if any(isinstance(one.kind, exp.PrimaryKeyColumnConstraint) for one in each.constraints):
                keys.append(each.name)
        elif isinstance(each, exp.Identifier):
            columns.append(Column(each.name, "string"))
        else:
            primary = list(each.find_all(exp.PrimaryKey))
            if not primary:
                raise unsupported(f"{each.sql(dialect=DIALECT)[:80]}", "PRIMARY KEY is the only constraint of tables")
            keys += [key.name for one in primary for key in one.expressions]
    unknown = sorted(set(keys) - {column.name for column in columns})
    if unknown:
        raise syntax_error(f"the key names {', '.join(unknown)[:80]}, which is no column.")
    return columns, keys


def _column(told: exp.ColumnDef) -> Column:
    nullable, comment = True, ""
    for each in told.constraints:
        kind = each.kind
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.CommentColumnConstraint):
            comment = kind.this.name
        elif not isinstance(kind, exp.PrimaryKeyColumnConstraint):
            what = each.sql(dialect=DIALECT)[:80]
            raise unsupported(f"{what} of a column", "NOT NULL, COMMENT and PRIMARY KEY are known")
    type_ = told.args.get("kind")
    text = "string" if type_ is None else type_.sql(dialect=DIALECT)  # a column of a view has no type yet
    return Column(told.name, read_type(text), nullable, comment)


def _listed(properties: exp.Expr | None) -> Sequence[exp.Expr]:
    return [] if properties is None else properties.expressions


def _with_property(found: Definition, told: exp.Expr) -> Definition:
    if isinstance(told, exp.FileFormatProperty):
        if told.name.lower() != "delta":
            raise FeatureDisabled(f"tables here are Delta tables; USING {told.name[:40]} is not possible")
        return found
    if isinstance(told, exp.SchemaCommentProperty):
        return replace(found, comment=told.name)
    if isinstance(told, exp.PartitionedByProperty):
        return replace(found, partition_by=[each.name for each in told.this.expressions])
    if isinstance(told, exp.LocationProperty):
        return replace(found, location=told.name)
    if type(told) is exp.Property:
        return replace(found, properties={**found.properties, told.name: told.args["value"].name})
    raise unsupported(
        told.sql(dialect=DIALECT)[:80], "USING, COMMENT, PARTITIONED BY, LOCATION, TBLPROPERTIES are known"
    )
