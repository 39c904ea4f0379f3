"""Which tables a statement reads and writes: each is checked, and gets a name of its own before the engine sees it.

What has no such name the engine does not know: in its session there is nothing but what was allowed. Paths, files and
functions that reach out of SQL are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from quikapp_ml.errors import NotFound
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.tables import VIEW, TableInfo
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.errors import SqlError, syntax_error, unsupported
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.words import DIALECT

FORMATS = frozenset(
    {"avro", "binaryfile", "cloudfiles", "csv", "delta", "iceberg", "json", "orc", "parquet", "text", "xml"}
)
"""`parquet.`/path`` names files."""

TABLE_FUNCTIONS = frozenset({"range", "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "stack"})
"""What may stand where a table does."""

REACHING_OUT = frozenset({"java_method", "reflect", "try_reflect", "read_files", "cloud_files", "input_file_name"}) | {
    "http_request", "ai_query", "secret", "try_secret", "remote_query", "read_kafka", "sql_keyword_scan", "from_avro",
}  # fmt: skip
"""Functions that run code of the engine's machine or read what no grant is about."""

_REFUSED_NODES: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Command, "this statement"),
    (exp.Directory, "writing to a directory"),
    (exp.QueryTransform, "TRANSFORM … USING, which runs a program"),
    (exp.Copy, "COPY INTO"),
    (exp.LoadData, "LOAD DATA"),
)
_DEEPEST_VIEW = 20
_MOST_NODES = 20_000
_DEEPEST = 250
"""Sail 0.7 overflows its stack, and takes the process with it, somewhere above 400."""


@dataclass
class Plan:
    """A statement as the engine gets it, and the tables that it knows there."""

    statement: exp.Expr
    tables: dict[str, str] = field(default_factory=dict)
    """URL of the files by the name in the statement."""
    versions: dict[str, int] = field(default_factory=dict)

    def new_name(self, kind: str) -> str:
        """A name that no statement can have meant."""
        return f"{kind}_{token_hex(8)}"

    @property
    def text(self) -> str:
        """The statement in the engine's SQL."""
        return self.statement.sql(dialect=DIALECT)


def parsed(text: str) -> exp.Expr:
    """The tree of one statement. Raises SqlError."""
    try:
        found = [each for each in sqlglot.parse(text, dialect=DIALECT) if each is not None]
    except (SqlglotError, RecursionError) as error:
        raise syntax_error(_plain(str(error))) from None
    if len(found) != 1:
        raise syntax_error("one statement at a time.")
    (statement,) = found
    if not isinstance(statement, exp.Expr):
        raise syntax_error("this is no statement.")
    return statement


class Planner:
    """Plans statements of one caller in one session."""

    def __init__(self, unity: UnityCatalog, caller: Caller, session: SqlSession) -> None:
        self._unity = unity
        self._caller = caller
        self._session = session

    def query(self, statement: exp.Expr) -> Plan:
        """A statement that only reads. Raises SqlError, NotFound, PermissionDenied."""
        plan = Plan(statement)
        self._check(statement)
        self._reads(plan, self._unity.access(self._caller), self._session, 0)
        check_depth(statement)
        return plan

    def change(self, statement: exp.Expr, target: exp.Table, *privileges: Privilege) -> Plan:
        """A statement that changes the target, which gets a name for the engine, too."""
        plan, access = Plan(statement), self._unity.access(self._caller)
        self._check(statement)
        info = self._target(access, target, privileges)
        alias = target.alias or target.name
        written = plan.new_name("target")
        name = Securable(Kind.TABLE, info.name)
        _qualify(statement, self._session, {name: alias})
        target.set("db", None)
        target.set("catalog", None)
        target.set("this", exp.to_identifier(written))
        if not isinstance(statement, exp.Insert):
            target.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        target.meta["planned"] = True
        plan.tables[written] = info.location
        self._reads(plan, access, self._session, 0)
        check_depth(statement)
        return plan

    def _target(self, access: CallerAccess, target: exp.Table, privileges: tuple[Privilege, ...]) -> TableInfo:
        name = _securable(target, self._session)
        for privilege in privileges:
            access.check(privilege, name)
        info = self._unity.tables.described(name.name)
        if info.table_type == VIEW:
            raise SqlError("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", f"{info.name} is a view.", "42809")
        return info

    def _reads(self, plan: Plan, access: CallerAccess, session: SqlSession, depth: int) -> None:
        """Give every table that the statement reads its name for the engine."""
        self._reads_in(plan, plan.statement, access, session, depth)

    def _reads_in(self, plan: Plan, tree: exp.Expr, access: CallerAccess, session: SqlSession, depth: int) -> None:
        found = [each for each in tree.find_all(exp.Table) if not each.meta.get("planned") and _is_stored(each)]
        names = {id(each): _securable(each, session) for each in found}
        _alias_all(found, names, tree, session)
        for each in found:
            name = names[id(each)]
            access.check(Privilege.SELECT, name)
            info = self._unity.tables.described(name.name)
            if info.table_type == VIEW:
                self._expand(plan, each, info, depth)
            else:
                self._name(plan, each, info)

    def _name(self, plan: Plan, table: exp.Table, info: TableInfo) -> None:
        view = plan.new_name("source")
        version = self._version(info, table.args.get("version"))
        if version is not None:
            plan.versions[view] = version
        plan.tables[view] = info.location
        for part, value in (("this", exp.to_identifier(view)), ("db", None), ("catalog", None), ("version", None)):
            table.set(part, value)
        table.meta["planned"] = True

    def _expand(self, plan: Plan, table: exp.Table, info: TableInfo, depth: int) -> None:
        """Put a view's text in its place; what is in it is checked by the rights of its owner."""
        if table.args.get("version") is not None:
            raise unsupported("time travel of a view", "ask the tables that it is made of")
        if depth >= _DEEPEST_VIEW:
            raise SqlError("VIEW_EXCEED_MAX_NESTED_DEPTH", f"more than {_DEEPEST_VIEW} views in views.", "54K00")
        admin = self._unity.securables.admin
        owner = Caller(info.record.owner, (), info.record.owner == admin)
        context = SqlSession(*str(info.record.details.get("session", "")).split(".", 1))
        inner = parsed(info.view_definition)
        self._check(inner)
        self._reads_in(plan, inner, self._unity.access(owner), context, depth + 1)
        alias = table.args.get("alias")
        subquery = exp.Subquery(this=inner, alias=alias)
        for part in ("joins", "pivots", "laterals", "sample"):
            if table.args.get(part):
                subquery.set(part, table.args[part])
        table.replace(subquery)

    def _version(self, info: TableInfo, asked: exp.Expr | None) -> int | None:
        if asked is None:
            return None
        value = asked.expression
        if isinstance(value, exp.Cast):
            value = value.this
        if not isinstance(asked, exp.Version) or not isinstance(value, exp.Literal):
            raise unsupported("this time travel", "VERSION AS OF number, or TIMESTAMP AS OF 'time'")
        if asked.name.upper() == "VERSION":
            return _whole(value)
        return self._version_at(info, value.name)

    def _version_at(self, info: TableInfo, text: str) -> int:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise SqlError("INVALID_TIMESTAMP", f"{text[:80]!r} is no time.", "22007") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        for each in self._unity.tables.history(info.name, 100_000):
            if each.time <= at:
                return each.version
        raise NotFound(f"table {info.name} has no version at {text[:80]} or before")

    def _check(self, statement: exp.Expr) -> None:
        """Refuse what reaches out of SQL, and put in who and where the caller is."""
        check_depth(statement)
        nodes = list(statement.walk())
        if len(nodes) > _MOST_NODES:
            raise syntax_error(f"a statement has {_MOST_NODES} parts at most.")
        for node in nodes:
            for kind, what in _REFUSED_NODES:
                if isinstance(node, kind):
                    raise unsupported(what, "read and write tables")
            if isinstance(node, exp.Func) and _function_name(node) in REACHING_OUT:
                raise unsupported(f"the function {_function_name(node)}", "it reaches out of SQL")
            _put_in(node, self._caller, self._session)


def check_depth(statement: exp.Expr) -> None:
    """Raises SqlError when parts of a statement, views and all, are nested too deep for the engine."""
    level, depth = [statement], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise syntax_error(f"parts of a statement are nested {_DEEPEST} deep at most.")
        level = [below for each in level for below in each.iter_expressions()]


def resolve(table: exp.Table, session: SqlSession) -> Securable:
    """The full name of a table in a statement. Raises SqlError for files and functions."""
    return _securable(table, session)


def _securable(table: exp.Table, session: SqlSession) -> Securable:
    if not isinstance(table.this, exp.Identifier):
        raise unsupported(f"{table.this.sql(dialect=DIALECT)[:80]} in the place of a table", "name a table")
    parts = tuple(part.name.lower() for part in table.parts)
    if len(parts) == 2 and parts[0] in FORMATS:
        raise unsupported(f"reading files by {parts[0]}.`…`", "make an external table of them")
    if any("." in part or "/" in part for part in parts):
        raise NotFound(f"The table or view {'.'.join(parts)[:200]!r} cannot be found")
    return session.securable(Kind.TABLE, parts)


def _is_stored(table: exp.Table) -> bool:
    """Whether a table of the catalog is meant: no common table expression, and no function."""
    if not isinstance(table.this, exp.Identifier):
        if _function_name(table.this) == "identifier":
            _identify(table)
            return True
        if _function_name(table.this) not in TABLE_FUNCTIONS:
            name = table.this.sql(dialect=DIALECT)[:80]
            raise unsupported(f"{name} in the place of a table", f"known are {', '.join(sorted(TABLE_FUNCTIONS))}")
        return False
    return bool(table.args.get("db")) or not _is_defined_here(table)


def _identify(table: exp.Table) -> None:
    """`IDENTIFIER('a.b')` is the table of that name."""
    (given,) = table.this.expressions or (None,)
    if not isinstance(given, exp.Literal) or not given.is_string:
        raise syntax_error("IDENTIFIER takes a text, or a parameter that is one.")
    named = exp.to_table(given.name, dialect=DIALECT)
    for part in ("this", "db", "catalog"):
        table.set(part, named.args.get(part))


def _is_defined_here(table: exp.Table) -> bool:
    """Whether a WITH around the table defines its name; an expression of it sees those before, itself if recursive."""
    name, node = table.name.lower(), table.parent
    below: exp.Expr = table
    while node is not None:
        if isinstance(node, exp.With):
            before = node.expressions[: [id(each) for each in node.expressions].index(id(below))]
            seen = [*before, below] if node.args.get("recursive") else before
            if any(each.alias.lower() == name for each in seen):
                return True
            below, node = node, node.parent  # the statement of this WITH adds nothing to what was seen
        elif _defines(node, name):
            return True
        if node is None:
            return False
        below, node = node, node.parent
    return False


def _defines(node: exp.Expr, name: str) -> bool:
    with_ = node.args.get("with_")
    return isinstance(with_, exp.With) and any(each.alias.lower() == name for each in with_.expressions)


def _alias_all(found: list[exp.Table], names: Mapping[int, Securable], tree: exp.Expr, session: SqlSession) -> None:
    """Give tables without an alias their own name as one, so that columns can go on naming them."""
    plain = [each for each in found if not each.alias]
    short = [each.name.lower() for each in plain]
    renamed: dict[Securable, str] = {}
    for each in plain:
        securable = names[id(each)]
        once = short.count(each.name.lower()) == 1
        alias = each.name if once else securable.name.replace(".", "__")
        renamed[securable] = alias
        each.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    _qualify(tree, session, renamed)


def _qualify(tree: exp.Expr, session: SqlSession, aliases: Mapping[Securable, str]) -> None:
    """Columns that name a table by two or three parts name it by its alias from now on."""
    for column in list(tree.find_all(exp.Column)):
        if not column.args.get("db"):
            continue
        parts = tuple(part.name.lower() for part in column.parts[:-1])
        alias = aliases.get(session.securable(Kind.TABLE, parts)) if len(parts) <= 3 else None
        if alias is not None:
            column.set("catalog", None)
            column.set("db", None)
            column.set("table", exp.to_identifier(alias, quoted=True))


def _put_in(node: exp.Expr, caller: Caller, session: SqlSession) -> None:
    """Who asks, and where: the engine would say who runs it."""
    name = _function_name(node) if isinstance(node, exp.Func) else ""
    told = {
        "current_user": caller.name, "session_user": caller.name, "user": caller.name,
        "current_catalog": session.catalog, "current_schema": session.schema, "current_database": session.schema,
    }.get(name)  # fmt: skip
    if told is None:
        return
    literal: exp.Expr = exp.Literal.string(told)
    if isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
        literal = exp.alias_(literal, f"{name}()", quoted=True)
    node.replace(literal)


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _whole(value: exp.Literal) -> int:
    if not value.name.isdecimal() or len(value.name) > 18:
        raise syntax_error(f"version {value.name[:40]!r} is no whole number.")
    return int(value.name)


def _plain(message: str) -> str:
    return message.replace("\x1b[4m", "").replace("\x1b[0m", "").strip()[:500]
