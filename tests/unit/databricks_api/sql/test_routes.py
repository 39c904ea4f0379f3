"""Statement Execution by requests as clients send them; bodies survive the SDK's own classes."""

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from databricks.sdk.service import sql as sdk

from support.workspace import Workspace

STATEMENTS = "/api/2.0/sql/statements"
SLOW = "SELECT count(*) AS c FROM range(3000000) a JOIN range(3000000) b ON a.id % 1000 = b.id % 1000"


@pytest.fixture(autouse=True)
def closed(workspace: Workspace) -> Iterator[None]:
    yield
    workspace.service.close_statements()


def ask(workspace: Workspace, text: str, owner: str = "admin", **more: Any) -> dict[str, Any]:
    body = {"warehouse_id": "quikapp", "statement": text, "wait_timeout": "50s", **more}
    answer = workspace.request("POST", STATEMENTS, owner, json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert sdk.StatementResponse.from_dict(told).as_dict() == told
    return told


def test_values_come_as_texts_with_their_columns(workspace: Workspace) -> None:
    told = ask(
        workspace,
        "SELECT 1 AS n, 1.5D AS x, true AS b, date'2026-11-25' AS d, timestamp'2026-11-25 09:00:00' AS t, "
        "cast(12.50 AS decimal(10,2)) AS p, array(1, 2) AS xs, named_struct('a', 1, 'b', 'c') AS s, "
        "map('k', 1.5D) AS m, cast(NULL AS string) AS nothing, x'00ff' AS y",
    )
    columns = told["manifest"]["schema"]["columns"]
    assert [each["type_text"] for each in columns] == [
        "INT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "DECIMAL(10,2)", "ARRAY<INT>", "STRUCT<A:INT,B:STRING>",
        "MAP<STRING,DOUBLE>", "STRING", "BINARY",
    ]  # fmt: skip
    assert [each["type_name"] for each in columns][6:9] == ["ARRAY", "STRUCT", "MAP"]
    assert told["result"]["data_array"] == [
        ["1", "1.5", "true", "2026-11-25", "2026-11-25T09:00:00.000Z", "12.50", "[1,2]", '{"a":1,"b":"c"}',
         '{"k":1.5}', None, "AP8="]
    ]  # fmt: skip
    assert told["manifest"]["total_row_count"] == 1 and told["manifest"]["truncated"] is False


def test_a_statement_without_rows_has_no_columns(workspace: Workspace) -> None:
    told = ask(workspace, "CREATE TABLE t (n BIGINT)")
    assert told["status"] == {"state": "SUCCEEDED"} and told["manifest"]["schema"] == {"column_count": 0}
    told = ask(workspace, "SELECT * FROM t")
    assert told["result"]["row_count"] == 0 and told["manifest"]["schema"]["column_count"] == 1


def test_what_is_wrong_is_told_in_the_status(workspace: Workspace) -> None:
    told = ask(workspace, "SELECT * FROM nowhere.at_all")
    assert told["status"]["state"] == "FAILED" and told["status"]["sql_state"] == "42P01"
    assert told["status"]["error"]["message"].startswith("[TABLE_OR_VIEW_NOT_FOUND]")
    assert ask(workspace, "SELECT * FROM nowhere.at_all", "ann")["status"]["sql_state"] == "42501"


@pytest.mark.parametrize(
    "wrong",
    [
        {"warehouse_id": "other"},
        {"wait_timeout": "3s"},
        {"wait_timeout": "soon"},
        {"on_wait_timeout": "WAIT"},
        {"format": "ARROW_STREAM"},
        {"disposition": "DISK"},
        {"row_limit": 0},
        {"parameters": [{"name": "a", "value": 1}]},
        {"parameters": [{"name": "a"}, {"name": "a"}]},
        {"colour": "red"},
    ],
)
def test_requests_that_mean_nothing_are_refused(workspace: Workspace, wrong: dict[str, Any]) -> None:
    body = {"warehouse_id": "quikapp", "statement": "SELECT 1", **wrong}
    answer = workspace.request("POST", STATEMENTS, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_limits_cut_and_say_so(workspace: Workspace) -> None:
    told = ask(workspace, "SELECT id FROM range(10)", row_limit=3)
    assert (told["manifest"]["total_row_count"], told["manifest"]["truncated"]) == (3, True)
    assert ask(workspace, "SELECT id FROM range(3)", row_limit=3)["manifest"]["truncated"] is False
    cut = ask(workspace, "SELECT id FROM range(1000)", byte_limit=800)["manifest"]
    assert cut["truncated"] is True and 0 < cut["total_row_count"] <= 100
    too_large = ask(workspace, "SELECT id FROM range(4000000)")
    assert "EXTERNAL_LINKS" in too_large["status"]["error"]["message"]


def test_large_answers_come_by_links_in_chunks(workspace: Workspace) -> None:
    told = ask(workspace, "SELECT id FROM range(5000000)", disposition="EXTERNAL_LINKS", format="ARROW_STREAM")
    n_chunks = told["manifest"]["total_chunk_count"]
    assert n_chunks > 1 and told["manifest"]["total_row_count"] == 5_000_000
    total, body = 0, told["result"]
    for index in range(n_chunks):
        (link,) = body["external_links"]
        assert sdk.ExternalLink.from_dict(link).as_dict() == link and link["row_offset"] == total
        answer = workspace.request_from("127.0.0.1", "GET", link["external_link"].removeprefix("http://localhost"))
        total += pa.ipc.open_stream(answer.content).read_all().num_rows
        if index + 1 < n_chunks:
            body = workspace.get(link["next_chunk_internal_link"]).json()
    assert total == 5_000_000


@pytest.mark.parametrize(("form", "content"), [("JSON_ARRAY", b'[["0"],["1"]]'), ("CSV", b"id\n0\n1\n")])
def test_links_hold_what_was_asked_for(workspace: Workspace, form: str, content: bytes) -> None:
    told = ask(workspace, "SELECT id FROM range(2)", disposition="EXTERNAL_LINKS", format=form)
    path = told["result"]["external_links"][0]["external_link"].removeprefix("http://localhost")
    assert workspace.request_from("10.1.2.3", "GET", path).content == content
    for wrong in (path.replace("signature=", "signature=0"), path.replace("/0?", "/1?"), path.partition("?")[0]):
        assert workspace.request_from("10.1.2.3", "GET", wrong).status_code == 403


def test_a_statement_is_nobody_elses(workspace: Workspace) -> None:
    told = ask(workspace, "SELECT 1 AS one", "ann")
    path = f"{STATEMENTS}/{told['statement_id']}"
    assert workspace.get(path, "ann").json() == told
    assert workspace.get(f"{path}/result/chunks/0", "ann").json() == told["result"]
    assert workspace.get(f"{path}/result/chunks/1", "ann").status_code == 404
    assert workspace.get(path, "bob").status_code == 404
    assert workspace.request("POST", f"{path}/cancel", "bob").status_code == 404


def test_a_statement_can_be_waited_for_or_ended(workspace: Workspace) -> None:
    ask(workspace, "SELECT 1")  # the engine runs
    told = ask(workspace, SLOW, wait_timeout="0s")
    path = f"{STATEMENTS}/{told['statement_id']}"
    assert told["status"]["state"] in ("PENDING", "RUNNING")
    assert workspace.request("POST", f"{path}/cancel").json() == {}
    assert workspace.get(path).json()["status"] == {"state": "CANCELED"}
    quick = ask(workspace, "SELECT 1 AS one", wait_timeout="0s")
    until = time.monotonic() + 30
    while workspace.get(f"{STATEMENTS}/{quick['statement_id']}").json()["status"]["state"] != "SUCCEEDED":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_parameters_and_the_current_schema(workspace: Workspace) -> None:
    ask(workspace, "CREATE TABLE t (n BIGINT)", schema="ml_features")
    parameters = [{"name": "n", "value": "7", "type": "BIGINT"}, {"name": "s", "value": "it's"}, {"name": "z"}]
    ask(workspace, "INSERT INTO quikapp_ml.ml_features.t VALUES (:n)", parameters=parameters)
    told = ask(workspace, "SELECT n, :s AS s, :z AS z FROM t", schema="ml_features", parameters=parameters)
    assert told["result"]["data_array"] == [["7", "it's", None]]


def test_what_changes_something_is_audited_and_what_reads_is_not(workspace: Workspace) -> None:
    ask(workspace, "SELECT 1")
    ask(workspace, "CREATE SCHEMA extra")
    ask(workspace, "GRANT SELECT ON SCHEMA extra TO ann", "ann")
    noted = [(each.action, each.user, each.status) for _, each in workspace.service.state.audit.waiting()]
    assert noted == [("executeStatement", "admin", 200), ("executeStatement", "ann", 400)]


def test_the_warehouse_is_told_and_stays(workspace: Workspace) -> None:
    listed = workspace.get("/api/2.0/sql/warehouses").json()
    assert sdk.ListWarehousesResponse.from_dict(listed).as_dict() == listed
    assert workspace.get("/api/2.0/sql/warehouses/quikapp").json() == listed["warehouses"][0]
    assert listed["warehouses"][0]["odbc_params"]["path"] == "/sql/1.0/warehouses/quikapp"
    assert workspace.get("/api/2.0/sql/warehouses/other").status_code == 404
    assert workspace.request("POST", "/api/2.0/sql/warehouses/quikapp/start").json() == {}
    assert workspace.request("POST", "/api/2.0/sql/warehouses/quikapp/stop").json()["error_code"] == "FEATURE_DISABLED"
