"""One statement from its text to its answer: the catalog's own, queries, changes of rows, new tables and views."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
from sqlglot import exp
from sqlglot.tokenizer_core import Token

from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql import definitions, granting, showing
from quikapp_ml.serving.sql.answers import NOTHING, Answer
from quikapp_ml.serving.sql.appending import append_rows, is_append, source_of
from quikapp_ml.serving.sql.asked import EngineSession, Statement
from quikapp_ml.serving.sql.errors import in_sql_words, unsupported
from quikapp_ml.serving.sql.parameters import bind
from quikapp_ml.serving.sql.planning import Planner, parsed
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.tables import add_columns, make_table, make_view, read_definition
from quikapp_ml.serving.sql.words import DIALECT, WordReader, tokens_of
from quikapp_ml.stores.lake.delta_folders import delta_facts, feeds_changes

Command = Callable[[UnityCatalog, CallerAccess, SqlSession, WordReader], pa.Table]

_COMMANDS: Mapping[str, Command] = {
    "GRANT": granting.grant,
    "REVOKE": granting.revoke,
    "SHOW": showing.show,
    "DESCRIBE": showing.describe,
    "DESC": showing.describe,
    "DROP": definitions.drop,
    "ALTER": definitions.alter,
    "COMMENT": definitions.comment,
}

_WRITES: Mapping[type[exp.Expr], tuple[Privilege, ...]] = {
    exp.Insert: (Privilege.MODIFY,),
    exp.Update: (Privilege.SELECT, Privilege.MODIFY),
    exp.Delete: (Privilege.SELECT, Privilege.MODIFY),
    exp.Merge: (Privilege.SELECT, Privilege.MODIFY),
}

_ELSEWHERE = {
    "OPTIMIZE": "the service's own jobs look after its tables",
    "VACUUM": "the service's own jobs look after its tables",
    "SET": "a statement has its settings with it",
    "CACHE": "tables are read anew by every statement",
    "EXPLAIN": "ask the engine by Spark Connect",
    "CALL": "there are no procedures",
}


_EVOLUTION = "WITH SCHEMA EVOLUTION"
_READING = frozenset({"SELECT", "WITH", "FROM", "VALUES", "SHOW", "DESCRIBE", "DESC", "USE", "EXPLAIN", "("})


def only_reads(text: str) -> bool:
    """Whether a statement, whatever comes of it, changes nothing."""
    try:
        return tokens_of(text)[0].text.upper() in _READING
    except QuikAppMLError:
        return True


class StatementRunner:
    """Runs statements. `open_engine` is called by the first that needs rows: an engine takes seconds to start."""

    def __init__(self, unity: UnityCatalog, open_engine: Callable[[], EngineSession]) -> None:
        self._unity = unity
        self._open_engine = open_engine

    def run(self, statement: Statement, on_engine: Callable[[EngineSession], None] = lambda _: None) -> Answer:
        """Do one statement; `on_engine` is told of the engine's session, to stop it from another thread.

        Raises SqlError.
        """
        try:
            return self._run(statement, on_engine)
        except QuikAppMLError as error:
            raise in_sql_words(error) from error

    def _run(self, statement: Statement, on_engine: Callable[[EngineSession], None]) -> Answer:
        tokens = tokens_of(statement.text)
        words = WordReader(tokens)
        first = words.one_of(*_COMMANDS, "USE", *_ELSEWHERE)
        session = statement.session
        if first in _ELSEWHERE:
            raise unsupported(first, _ELSEWHERE[first])
        if first == "USE":
            return Answer(NOTHING, definitions.use(self._unity, self._access(statement), session, words))
        if first == "ALTER" and _adds_columns(tokens):
            add_columns(self._unity, self._access(statement), session, parsed(statement.text))
            return Answer(NOTHING, session)
        if first:
            return Answer(_COMMANDS[first](self._unity, self._access(statement), session, words), session)
        if words.take("CREATE") and _is_of_the_catalog(words):
            return Answer(definitions.create(self._unity, self._access(statement), session, words), session)
        if any(token.text == "@" for token in tokens):
            raise unsupported("table@v1", "write VERSION AS OF 1")  # the parser takes it for another thing
        return self._with_engine(statement, on_engine)

    def _with_engine(self, statement: Statement, on_engine: Callable[[EngineSession], None]) -> Answer:
        text, evolves = _without_evolution(statement.text)
        tree = parsed(text)
        bind(tree, statement.parameters)
        work = _Work(self._unity, statement, lambda: self._engine(on_engine))
        if isinstance(tree, exp.Create):
            return Answer(work.create(tree), statement.session)
        if isinstance(tree, exp.TruncateTable):
            if tree.args.get("partition") or len(tree.expressions) != 1:  # not more than was said is deleted
                raise unsupported("TRUNCATE of a partition, or of several tables", "DELETE FROM … WHERE takes rows out")
            tree = exp.Delete(this=tree.expressions[0])
        for kind, privileges in _WRITES.items():
            if isinstance(tree, kind):
                return Answer(work.change(tree, privileges, evolves=evolves), statement.session)
        if not isinstance(tree, (exp.Query, exp.Values)):
            raise unsupported(tree.sql(dialect=DIALECT)[:60], "this kind of statement is not known")
        return work.query(tree)

    def _engine(self, on_engine: Callable[[EngineSession], None]) -> EngineSession:
        engine = self._open_engine()
        on_engine(engine)
        return engine

    def _access(self, statement: Statement) -> CallerAccess:
        return self._unity.access(statement.caller)


@dataclass(frozen=True)
class _Work:
    """One statement that needs the engine."""

    unity: UnityCatalog
    statement: Statement
    open_engine: Callable[[], EngineSession]

    def query(self, tree: exp.Expr) -> Answer:
        """Rows, one more than are wanted at most, to know whether there are more."""
        limit = self.statement.row_limit
        rows = self._rows(tree, None if limit is None else limit + 1)
        if limit is not None and rows.num_rows > limit:
            return Answer(rows.slice(0, limit), self.statement.session, truncated=True)
        return Answer(rows, self.statement.session)

    def change(self, tree: exp.Expr, privileges: tuple[Privilege, ...], *, evolves: bool) -> pa.Table:
        """Change rows of one table; when it evolves, new columns of the source are added to it."""
        told = tree.this
        target = told.this if isinstance(told, exp.Schema) else told
        if not isinstance(target, exp.Table):
            raise unsupported(target.sql(dialect=DIALECT)[:60], "rows are written to tables")
        source = source_of(tree) if is_append(tree) else None
        columns = [each.name for each in told.expressions] if isinstance(told, exp.Schema) else []
        plan = self._planner().change(tree, target, *privileges)
        place = plan.tables[target.name]
        if source is not None and feeds_changes(delta_facts(place).properties):
            append_rows(place, self._rows(source, None), columns)
            return NOTHING
        text = plan.text.replace("MERGE INTO", f"MERGE {_EVOLUTION} INTO", 1) if evolves else plan.text
        engine = self.open_engine()
        try:
            engine.change(text, plan.tables, plan.versions, target.name)
        finally:
            engine.stop()
        return NOTHING

    def create(self, tree: exp.Create) -> pa.Table:
        """Make a table or view."""
        kind, query = str(tree.args.get("kind")).upper(), tree.expression
        if kind not in ("TABLE", "VIEW") or _is_temporary(tree):
            raise unsupported(f"CREATE {kind}", "known are CREATE CATALOG, SCHEMA, TABLE, VIEW and VOLUME")
        definition, access = read_definition(tree, self.statement.session), self.unity.access(self.statement.caller)
        schema = Securable(Kind.SCHEMA, definition.name.name.rpartition(".")[0])
        access.check(Privilege.CREATE_TABLE, schema)
        if kind == "VIEW":
            text = query.sql(dialect=DIALECT)
            rows = self._rows(query, 0)
            make_view(self.unity, access, definition, text, rows, self.statement.session)
            return NOTHING
        if definition.may_be_there and self.unity.tables.exists(definition.name.name):
            return NOTHING
        make_table(self.unity, access, definition, None if query is None else self._rows(query, None))
        return NOTHING

    def _rows(self, tree: exp.Expr, limit: int | None) -> pa.Table:
        plan = self._planner().query(tree)
        engine = self.open_engine()
        try:
            return engine.query(plan.text, plan.tables, plan.versions, limit)
        finally:
            engine.stop()

    def _planner(self) -> Planner:
        return Planner(self.unity, self.statement.caller, self.statement.session)


def _adds_columns(tokens: list[Token]) -> bool:
    spoken = [token.text.upper() for token in tokens]
    return any(pair in (("ADD", "COLUMN"), ("ADD", "COLUMNS")) for pair in pairwise(spoken))


def _without_evolution(text: str) -> tuple[str, bool]:
    """The text without the words that the parser does not know after MERGE, and whether it had them."""
    tokens = tokens_of(text)
    if [token.text.upper() for token in tokens[:4]] != ["MERGE", *_EVOLUTION.split()]:
        return text, False
    return text[: tokens[1].start] + text[tokens[3].end + 1 :], True


def _is_of_the_catalog(words: WordReader) -> bool:
    return any(words.comes(word) for word in ("CATALOG", "SCHEMA", "DATABASE", "VOLUME", "EXTERNAL"))


def _is_temporary(tree: exp.Create) -> bool:
    properties = tree.args.get("properties")
    return properties is not None and any(isinstance(each, exp.TemporaryProperty) for each in properties.expressions)
