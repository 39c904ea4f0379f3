"""The Thrift protocol, spoken by the classes that the official connector brings, over the app in this process."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest
from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer, TTransportBase

from support.workspace import Workspace

PATH = "/sql/1.0/warehouses/quikapp"
FINISHED, ERROR, CANCELED = (
    getattr(ttypes.TOperationState, f"{name}_STATE") for name in ("FINISHED", "ERROR", "CANCELED")
)


class _Wire(TTransportBase):  # type: ignore[misc]
    """Carries each call to the app and its answer back."""

    def __init__(self, send: Callable[[bytes], httpx.Response]) -> None:
        self._send = send
        self._out, self._in = TMemoryBuffer(), TMemoryBuffer()

    def write(self, data: bytes) -> None:
        self._out.write(data)

    def flush(self) -> None:
        answer = self._send(self._out.getvalue())
        assert answer.status_code == 200, answer.text
        self._out, self._in = TMemoryBuffer(), TMemoryBuffer(answer.content)

    def read(self, size: int) -> bytes:
        read: bytes = self._in.read(size)
        return read


class Client:
    """A client with one session."""

    def __init__(self, workspace: Workspace, owner: str = "admin", **namespace: str) -> None:
        self.thrift: Any = TCLIService.Client(
            TBinaryProtocol(_Wire(lambda body: workspace.request("POST", PATH, owner, content=body)))
        )
        asked = ttypes.TOpenSessionReq(initialNamespace=ttypes.TNamespace(**namespace) if namespace else None)
        self.session = self.thrift.OpenSession(asked).sessionHandle

    def execute(self, statement: str, direct: bool = True, **more: Any) -> Any:
        limits = ttypes.TSparkGetDirectResults(maxRows=1_000, maxBytes=1 << 20) if direct else None
        return self.thrift.ExecuteStatement(
            ttypes.TExecuteStatementReq(self.session, statement, getDirectResults=limits, **more)
        )

    def rows(self, statement: str, **more: Any) -> list[dict[str, Any]]:
        return rows_of(self.execute(statement, **more).directResults)


def rows_of(direct: Any) -> list[dict[str, Any]]:
    assert direct.operationStatus.operationState == FINISHED, direct.operationStatus.displayMessage
    rows: list[dict[str, Any]] = arrow(direct.resultSetMetadata, direct.resultSet).to_pylist()
    return rows


def arrow(metadata: Any, fetched: Any) -> pa.Table:
    batches = b"".join(each.batch for each in fetched.results.arrowBatches)
    with pa.ipc.open_stream(metadata.arrowSchema + batches) as reader:
        table: pa.Table = reader.read_all()
    return table


@pytest.fixture(autouse=True)
def closed(workspace: Workspace) -> Iterator[None]:
    yield
    workspace.service.close_statements()


def test_rows_come_at_once_with_their_columns_in_both_words(workspace: Workspace) -> None:
    text = "SELECT 1 AS n, cast(1.5 AS decimal(9,2)) AS p, array('a') AS xs, NULL AS x"
    done = Client(workspace).execute(text, useArrowNativeTypes=ttypes.TSparkArrowTypes(complexTypesAsArrow=True))
    assert rows_of(done.directResults)[0]["xs"] == ["a"]
    columns = done.directResults.resultSetMetadata.schema.columns
    entries = [each.typeDesc.types[0].primitiveEntry for each in columns]
    names = [ttypes.TTypeId._VALUES_TO_NAMES[entry.type] for entry in entries]
    assert names == ["INT_TYPE", "DECIMAL_TYPE", "ARRAY_TYPE", "NULL_TYPE"]
    assert entries[1].typeQualifiers.qualifiers["scale"].i32Value == 2
    assert done.directResults.closeOperation is not None


def test_nested_values_are_texts_for_clients_that_want_them_so(workspace: Workspace) -> None:
    plain = ttypes.TSparkArrowTypes(complexTypesAsArrow=False)
    found = Client(workspace).rows("SELECT map('k', array(1)) AS m, interval '1' day AS i", useArrowNativeTypes=plain)
    assert found == [{"m": '{"k":[1]}', "i": "1 00:00:00.000000000"}]


def test_many_rows_are_fetched_in_order_until_there_are_no_more(workspace: Workspace) -> None:
    client = Client(workspace)
    done = client.execute("SELECT id FROM range(2500)")
    assert done.directResults.resultSet.hasMoreRows and done.directResults.closeOperation is None
    found = arrow(done.directResults.resultSetMetadata, done.directResults.resultSet)["id"].to_pylist()
    has_more = True
    while has_more:
        asked = ttypes.TFetchResultsReq(done.operationHandle, maxRows=600, maxBytes=1 << 20,
                                        includeResultSetMetadata=True)  # fmt: skip
        fetched = client.thrift.FetchResults(asked)
        assert fetched.results.startRowOffset == len(found)
        found += arrow(fetched.resultSetMetadata, fetched)["id"].to_pylist()
        has_more = fetched.hasMoreRows
    assert found == list(range(2500))


def test_parameters_are_values_by_name_and_by_place(workspace: Workspace) -> None:
    def parameter(value: str, kind: str, name: str | None = None) -> Any:
        return ttypes.TSparkParameter(name=name, type=kind, value=ttypes.TSparkParameterValue(stringValue=value))

    client = Client(workspace)
    named = client.rows("SELECT :what AS a", parameters=[parameter("x' OR 1=1 --", "STRING", "what")])
    assert named == [{"a": "x' OR 1=1 --"}]
    placed = client.rows("SELECT ? - ? AS a", parameters=[parameter("5", "INT"), parameter("2", "INT")])
    assert placed == [{"a": 3}]


def test_a_session_keeps_where_it_is(workspace: Workspace) -> None:
    client = Client(workspace, catalogName="quikapp_ml", schemaName="bronze")
    assert client.rows("SELECT current_schema() AS s") == [{"s": "bronze"}]
    client.execute("USE SCHEMA silver")
    assert client.rows("SELECT current_schema() AS s") == [{"s": "silver"}]


def test_what_is_wrong_is_in_the_status(workspace: Workspace) -> None:
    status = Client(workspace).execute("SELECT * FROM quikapp_ml.bronze.nothing").directResults.operationStatus
    assert (status.operationState, status.sqlState) == (ERROR, "42P01")
    assert "TABLE_OR_VIEW_NOT_FOUND" in status.displayMessage


def test_a_statement_is_asked_for_later_and_canceled(workspace: Workspace) -> None:
    client = Client(workspace)
    slow = "SELECT count(*) AS c FROM range(3000000) a JOIN range(3000000) b ON a.id % 1000 = b.id % 1000"
    begun = client.execute(slow, direct=False)
    assert begun.directResults is None
    client.thrift.CancelOperation(ttypes.TCancelOperationReq(begun.operationHandle))
    status = client.thrift.GetOperationStatus(ttypes.TGetOperationStatusReq(begun.operationHandle))
    assert status.operationState == CANCELED
    refused = client.thrift.FetchResults(ttypes.TFetchResultsReq(begun.operationHandle))
    assert refused.status.statusCode == ttypes.TStatusCode.ERROR_STATUS
    client.thrift.CloseOperation(ttypes.TCloseOperationReq(begun.operationHandle))
    again = client.thrift.GetOperationStatus(ttypes.TGetOperationStatusReq(begun.operationHandle))
    assert "unknown or has ended" in again.status.errorMessage


def test_the_catalog_is_told_as_far_as_it_may_be_known(workspace: Workspace) -> None:
    admin, ann = Client(workspace), Client(workspace, "ann")
    admin.execute("CREATE TABLE quikapp_ml.default.numbers (n INT, x DECIMAL(9,2))")
    limits = ttypes.TSparkGetDirectResults(maxRows=100, maxBytes=1 << 20)

    def asked(client: Client, call: str, **by: Any) -> list[dict[str, Any]]:
        request = getattr(ttypes, f"T{call}Req")(client.session, getDirectResults=limits, **by)
        return rows_of(getattr(client.thrift, call)(request).directResults)

    assert asked(admin, "GetCatalogs") == [{"TABLE_CAT": "quikapp_ml"}]
    assert {"TABLE_SCHEM": "default", "TABLE_CATALOG": "quikapp_ml"} in asked(admin, "GetSchemas", schemaName="d%")
    tables = asked(admin, "GetTables", schemaName="default", tableName="num%")
    assert [(each["TABLE_NAME"], each["TABLE_TYPE"]) for each in tables] == [("numbers", "TABLE")]
    assert asked(admin, "GetTables", schemaName="default", tableTypes=["VIEW"]) == []
    columns = asked(admin, "GetColumns", tableName="numbers", columnName="x")
    assert [(each["COLUMN_NAME"], each["TYPE_NAME"], each["ORDINAL_POSITION"]) for each in columns] == [
        ("x", "DECIMAL(9,2)", 2)
    ]
    assert asked(ann, "GetTables") == []


def test_sessions_and_operations_of_others_are_unknown(workspace: Workspace) -> None:
    ann, bob = Client(workspace, "ann"), Client(workspace, "bob")
    begun = ann.execute("SELECT id FROM range(5000)")
    bob.session = ann.session
    assert "unknown" in bob.execute("SELECT 1").status.errorMessage
    stolen = bob.thrift.FetchResults(ttypes.TFetchResultsReq(begun.operationHandle, includeResultSetMetadata=True))
    assert "unknown" in stolen.status.errorMessage and stolen.results is None


def test_other_calls_are_refused_with_the_reason(workspace: Workspace) -> None:
    client = Client(workspace)
    refused = client.thrift.GetFunctions(ttypes.TGetFunctionsReq(client.session, functionName="%"))
    assert "GetFunctions is not available here" in refused.status.errorMessage


def test_another_warehouse_and_no_token(workspace: Workspace) -> None:
    assert workspace.request("POST", "/sql/1.0/warehouses/other", content=b"x").status_code == 404
    assert workspace.client.post(PATH, content=b"x").status_code == 401


@given(body=st.binary(max_size=300))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_comes_it_is_answered_or_refused(workspace: Workspace, body: bytes) -> None:
    assert workspace.request("POST", PATH, content=body).status_code in (200, 400)
