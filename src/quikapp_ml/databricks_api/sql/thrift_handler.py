"""What Thrift clients ask, one method for each of their calls, over the same statements as `w.statement_execution`."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

from quikapp_ml.databricks_api.sql.thrift_rows import (
    as_read,
    failure,
    metadata,
    row_set,
    success,
    text_table,
    thrift_type_id,
)
from quikapp_ml.databricks_api.sql.thrift_sessions import Operation, Session, Sessions, new_guid
from quikapp_ml.errors import NotFound, QuikAppMLError
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.columns import type_text
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.asked import Parameter, Statement
from quikapp_ml.serving.sql.execution import ENDED, Execution, State, StatementHost
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.stores.lake.tables import CATALOG

DIRECT_SECONDS = 5.0
"""So long a statement is waited for at once; then clients ask again."""
POLL_SECONDS = 2.0
MOST_ROWS, MOST_BYTES = 1_000_000, 64 << 20
"""Of one answer."""

_STATES = {
    State.PENDING: "PENDING", State.RUNNING: "RUNNING", State.SUCCEEDED: "FINISHED", State.FAILED: "ERROR",
    State.CANCELED: "CANCELED", State.CLOSED: "CLOSED",
}  # fmt: skip
_VERSION = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8
_AFFECTED = "num_affected_rows"
_COLUMNS_OF_COLUMNS = (
    "TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "BUFFER_LENGTH",
    "DECIMAL_DIGITS", "NUM_PREC_RADIX", "NULLABLE", "REMARKS", "COLUMN_DEF", "SQL_DATA_TYPE", "SQL_DATETIME_SUB",
    "CHAR_OCTET_LENGTH", "ORDINAL_POSITION", "IS_NULLABLE", "SCOPE_CATALOG", "SCOPE_SCHEMA", "SCOPE_TABLE",
    "SOURCE_DATA_TYPE", "IS_AUTO_INCREMENT",
)  # fmt: skip


class ThriftHandler:
    """Answers the calls of one request; method names are those of the protocol."""

    def __init__(self, host: StatementHost, unity: UnityCatalog, sessions: Sessions, caller: Caller) -> None:
        self._host = host
        self._unity = unity
        self._sessions = sessions
        self._caller = caller

    # --- sessions

    def OpenSession(self, req: Any) -> Any:  # noqa: N802 the protocol's name
        """Begin a session, in the catalog and schema that are asked for."""
        given = req.initialNamespace
        catalog = (given.catalogName if given else "") or CATALOG
        names = SqlSession(catalog.lower(), ((given.schemaName if given else "") or "default").lower())
        session = self._sessions.open(self._caller, names)
        handle = ttypes.TSessionHandle(sessionId=_identifier(session.guid), serverProtocolVersion=_VERSION)
        return ttypes.TOpenSessionResp(
            status=success(), serverProtocolVersion=_VERSION, sessionHandle=handle, configuration={},
            canUseMultipleCatalogs=True,
        )  # fmt: skip

    def CloseSession(self, req: Any) -> Any:  # noqa: N802
        """End a session; one that has ended already is well ended."""
        try:
            self._sessions.close(self._session(req))
        except NotFound:
            return ttypes.TCloseSessionResp(status=success())
        return ttypes.TCloseSessionResp(status=success())

    def GetInfo(self, req: Any) -> Any:  # noqa: N802
        """The server's name; the rest is not asked by clients of today."""
        self._session(req)
        return ttypes.TGetInfoResp(status=success(), infoValue=ttypes.TGetInfoValue(stringValue="Spark SQL"))

    # --- statements

    def ExecuteStatement(self, req: Any) -> Any:  # noqa: N802
        """Begin a statement, and answer its first rows when it is quick."""
        session = self._session(req)
        statement = Statement(
            req.statement, self._caller, session.names, _parameters(req.parameters), req.resultRowLimit or None
        )
        execution = self._host.submit(Execution(statement, disposition="EXTERNAL_LINKS"))
        arrow = req.useArrowNativeTypes
        operation = Operation(new_guid(), execution, with_nested=bool(arrow and arrow.complexTypesAsArrow))
        self._sessions.begin(session, operation)
        direct = self._direct(session, operation, req.getDirectResults)
        return ttypes.TExecuteStatementResp(status=success(), operationHandle=_handle(operation), directResults=direct)

    def GetOperationStatus(self, req: Any) -> Any:  # noqa: N802
        """How a statement stands; the answer waits a little, for clients ask again at once."""
        session, operation = self._operation(req)
        self._wait(session, operation, POLL_SECONDS)
        return _status(operation)

    def GetResultSetMetadata(self, req: Any) -> Any:  # noqa: N802
        """The columns of an answer."""
        _, operation = self._operation(req)
        return metadata(_read(operation).schema)

    def FetchResults(self, req: Any) -> Any:  # noqa: N802
        """The next rows of an answer."""
        session, operation = self._operation(req)
        self._wait(session, operation, POLL_SECONDS)
        return _fetch(operation, req.maxRows, req.maxBytes, bool(req.includeResultSetMetadata))

    def CancelOperation(self, req: Any) -> Any:  # noqa: N802
        """End a statement."""
        _, operation = self._operation(req)
        if operation.execution is not None:
            self._host.cancel(operation.execution)
        return ttypes.TCancelOperationResp(status=success())

    def CloseOperation(self, req: Any) -> Any:  # noqa: N802
        """Let go of a statement and its rows; one that has ended already is well ended."""
        try:
            self._sessions.end(*self._operation(req))
        except NotFound:
            return ttypes.TCloseOperationResp(status=success())
        return ttypes.TCloseOperationResp(status=success())

    # --- the catalog

    def GetCatalogs(self, req: Any) -> Any:  # noqa: N802
        """Catalogs that the caller may know of."""
        session = self._session(req)
        rows = [(name,) for name in self._catalogs(None)]
        return self._listed(session, req, ttypes.TGetCatalogsResp, text_table(("TABLE_CAT",), rows))

    def GetSchemas(self, req: Any) -> Any:  # noqa: N802
        """Schemas that the caller may know of, by patterns."""
        session = self._session(req)
        rows = [(schema, catalog) for catalog, schema in self._schemas(req.catalogName, req.schemaName)]
        return self._listed(session, req, ttypes.TGetSchemasResp, text_table(("TABLE_SCHEM", "TABLE_CATALOG"), rows))

    def GetTables(self, req: Any) -> Any:  # noqa: N802
        """Tables and views that the caller may know of, by patterns."""
        session, rows = self._session(req), []
        for name in self._tables(req):
            info = self._unity.tables.described(name)
            kind = "VIEW" if info.view_definition else "TABLE"
            if not req.tableTypes or kind in req.tableTypes:
                rows.append((*name.split("."), kind, info.comment))
        names = ("TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE", "REMARKS")
        return self._listed(session, req, ttypes.TGetTablesResp, text_table(names, rows))

    def GetColumns(self, req: Any) -> Any:  # noqa: N802
        """Columns of tables that the caller may know of, by patterns."""
        session, rows = self._session(req), []
        for name in self._tables(req):
            for at, column in enumerate(self._unity.tables.described(name).columns, start=1):
                if _fits(column.name, req.columnName):
                    rows.append(_column_row(name, column.name, type_text(column.type), at))
        return self._listed(session, req, ttypes.TGetColumnsResp, text_table(_COLUMNS_OF_COLUMNS, rows))

    # --- what the calls share

    def _session(self, req: Any) -> Session:
        return self._sessions.get(req.sessionHandle.sessionId.guid, self._caller)

    def _operation(self, req: Any) -> tuple[Session, Operation]:
        return self._sessions.operation(req.operationHandle.operationId.guid, self._caller)

    def _wait(self, session: Session, operation: Operation, seconds: float) -> None:
        execution = operation.execution
        if execution is None:
            return
        execution.done.wait(seconds)
        if execution.state is State.SUCCEEDED and execution.session is not None:
            session.names = execution.session

    def _direct(self, session: Session, operation: Operation, wanted: Any) -> Any:
        """State, columns and first rows at once; nothing of a statement that takes longer."""
        if wanted is None:
            return None
        self._wait(session, operation, DIRECT_SECONDS)
        status = _status(operation)
        if status.operationState != ttypes.TOperationState.FINISHED_STATE:
            return ttypes.TSparkDirectResults(operationStatus=status)
        fetched = _fetch(operation, wanted.maxRows, wanted.maxBytes, False)
        columns = metadata(_read(operation).schema)
        closed = None
        if not fetched.hasMoreRows:
            self._sessions.end(session, operation)
            closed = ttypes.TCloseOperationResp(status=success())
        return ttypes.TSparkDirectResults(
            operationStatus=status, resultSetMetadata=columns, resultSet=fetched,
            closeOperation=closed,
        )  # fmt: skip

    def _listed(self, session: Session, req: Any, response: Any, rows: pa.Table) -> Any:
        operation = self._sessions.begin(session, Operation(new_guid(), ready=rows))
        direct = self._direct(session, operation, req.getDirectResults)
        return response(status=success(), operationHandle=_handle(operation), directResults=direct)

    def _catalogs(self, pattern: str | None) -> list[str]:
        found = self._unity.namespaces.catalogs(self._unity.access(self._caller))
        return [each.name for each in found if _fits(each.name, pattern)]

    def _schemas(self, catalogs: str | None, schemas: str | None) -> list[tuple[str, str]]:
        access = self._unity.access(self._caller)
        return [
            (catalog, schema)
            for catalog in self._catalogs(catalogs)
            for record in self._unity.namespaces.schemas(access, catalog)
            if _fits(schema := record.name.partition(".")[2], schemas)
        ]

    def _tables(self, req: Any) -> list[str]:
        access = self._unity.access(self._caller)
        return [
            name
            for catalog, schema in self._schemas(req.catalogName, req.schemaName)
            for name in self._unity.tables.names(access, f"{catalog}.{schema}")
            if _fits(name.rpartition(".")[2], req.tableName)
        ]


def failed(response: Any, error: QuikAppMLError) -> Any:
    """The answer of a call that could not be done."""
    return response(status=failure(str(error), getattr(error, "sqlstate", "HY000")))


def _status(operation: Operation) -> Any:
    execution = operation.execution
    if execution is None:
        return _finished(None)
    if execution.state is State.SUCCEEDED:
        return _finished(operation)
    state = getattr(ttypes.TOperationState, f"{_STATES[execution.state]}_STATE")
    response = ttypes.TGetOperationStatusResp(status=success(), operationState=state)
    if execution.error is not None:
        response.errorMessage = response.displayMessage = str(execution.error)
        response.sqlState = execution.error.sqlstate
        response.diagnosticInfo = execution.statement_id
    return response


def _finished(operation: Operation | None) -> Any:
    response = ttypes.TGetOperationStatusResp(status=success(), operationState=ttypes.TOperationState.FINISHED_STATE)
    if operation is not None and operation.rows.column_names[:1] == [_AFFECTED] and operation.rows.num_rows:
        response.numModifiedRows = operation.rows[_AFFECTED][0].as_py()
    return response


def _read(operation: Operation) -> pa.Table:
    return as_read(operation.rows, operation.with_nested)


def _fetch(operation: Operation, max_rows: int | None, max_bytes: int | None, with_metadata: bool) -> Any:
    execution = operation.execution
    if execution is not None and execution.state is not State.SUCCEEDED:
        ended = execution.state in ENDED
        why = execution.error or f"the statement is {execution.state}" + ("" if ended else " still")
        return ttypes.TFetchResultsResp(status=failure(str(why)))
    rows = _read(operation)
    n = _fitting(
        rows, operation.offset, min(max_rows or MOST_ROWS, MOST_ROWS), min(max_bytes or MOST_BYTES, MOST_BYTES)
    )
    part = rows.slice(operation.offset, n)
    response = ttypes.TFetchResultsResp(status=success(), results=row_set(part, operation.offset))
    operation.offset += n
    response.hasMoreRows = operation.offset < rows.num_rows
    if with_metadata:
        response.resultSetMetadata = metadata(rows.schema)
    return response


def _fitting(rows: pa.Table, offset: int, max_rows: int, max_bytes: int) -> int:
    """How many rows, one at least, go into one answer."""
    left = rows.num_rows - offset
    if not left:
        return 0
    fitting: int = min(left, max_rows, int(max_bytes / max(1.0, rows.nbytes / rows.num_rows)))
    return max(1, fitting)


def _parameters(given: Any) -> Mapping[str, Parameter]:
    """By name; those without one by their place, as `?1`."""
    found = {}
    for at, each in enumerate(given or (), start=1):
        value = each.value.stringValue if each.value is not None else None
        found[each.name or f"?{at}"] = Parameter(value, each.type or "STRING")
    return found


def _column_row(table: str, name: str, kind: str, at: int) -> tuple[object, ...]:
    catalog, schema, short = table.split(".")
    told: dict[str, object] = {
        "TABLE_CAT": catalog, "TABLE_SCHEM": schema, "TABLE_NAME": short, "COLUMN_NAME": name,
        "DATA_TYPE": thrift_type_id(kind), "TYPE_NAME": kind.upper(), "NULLABLE": 1, "ORDINAL_POSITION": at,
        "IS_NULLABLE": "YES", "IS_AUTO_INCREMENT": "NO",
    }  # fmt: skip
    return tuple(told.get(column) for column in _COLUMNS_OF_COLUMNS)


def _fits(name: str, pattern: str | None) -> bool:
    """By a pattern of SQL, in which `%` stands for anything; none fits all."""
    return not pattern or fnmatchcase(name, pattern.lower().replace("\\_", "_").replace("%", "*"))


def _identifier(guid: bytes) -> Any:
    return ttypes.THandleIdentifier(guid=guid, secret=bytes(16))


def _handle(operation: Operation) -> Any:
    return ttypes.TOperationHandle(
        operationId=_identifier(operation.guid),
        operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
        hasResultSet=True,
    )
