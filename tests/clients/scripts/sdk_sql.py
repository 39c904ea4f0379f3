"""What an analyst does by `w.statement_execution`: the statements of the documentation, large answers, grants. JSON."""

import io
import json
import sys
import time
import urllib.request
from typing import Any

import pyarrow as pa
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    StatementParameterListItem,
    StatementResponse,
)

WAREHOUSE = "quikapp"
STATEMENTS = (
    "CREATE CATALOG IF NOT EXISTS quikapp_ml",
    "USE CATALOG quikapp_ml",
    "CREATE TABLE ml_features.user_features "
    "(user_id STRING, embedding ARRAY<DOUBLE>, last_updated TIMESTAMP) USING DELTA",
    "GRANT SELECT ON TABLE ml_features.user_features TO `ml-service`",
    "CREATE TABLE features.user_embeddings AS SELECT 'user-1' AS user_id, array(0.1D, 0.2D) AS embedding",
    "MERGE INTO features.user_embeddings t USING (SELECT 'user-2' AS user_id, array(0.3D) AS embedding) s "
    "ON t.user_id = s.user_id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
    "SELECT * FROM quikapp_ml.features.user_embeddings LIMIT 100",
    "SELECT count(*) AS n FROM features.user_embeddings VERSION AS OF 0",
    "DESCRIBE HISTORY features.user_embeddings",
    "SHOW GRANTS ON TABLE ml_features.user_features",
    "SELECT type, count(*) AS n FROM bronze.events GROUP BY type ORDER BY type LIMIT 1",
)


def main() -> None:
    """Called with a token of another person, who may use the catalog and read what she was granted."""
    w, other = WorkspaceClient(), WorkspaceClient(token=sys.argv[1])
    found: dict[str, Any] = {"warehouses": [each.id for each in w.warehouses.list()]}
    found["state"] = w.warehouses.get(WAREHOUSE).state.value  # type: ignore[union-attr]
    found["answers"] = [answer(run(w, text)) for text in STATEMENTS]
    found["denied"] = answer(run(other, "SELECT * FROM features.user_embeddings"))
    for text in ("USE CATALOG ON CATALOG quikapp_ml", "USE SCHEMA, SELECT ON SCHEMA features"):
        run(w, f"GRANT {text} TO `ann`")
    found["granted"] = answer(run(other, "SELECT user_id FROM features.user_embeddings ORDER BY user_id"))
    found["path"] = answer(run(other, "SELECT * FROM delta.`/`"))
    named = [StatementParameterListItem("who", value="user-2"), StatementParameterListItem("n", value="1", type="INT")]
    text = "SELECT embedding FROM features.user_embeddings WHERE user_id = :who LIMIT :n"
    found["parameters"] = answer(run(w, text, parameters=named))
    found["limited"] = answer(run(w, "SELECT id FROM range(10)", row_limit=2))
    large(w, found)
    cancel(w, found)
    found["dropped"] = answer(run(w, "DROP TABLE features.user_embeddings"))  # the nightly job writes one of this name
    print(json.dumps(found))  # noqa: T201


def run(w: WorkspaceClient, text: str, **more: Any) -> StatementResponse:
    """One statement, waited for."""
    return w.statement_execution.execute_statement(text, WAREHOUSE, wait_timeout="50s", **more)


def answer(response: StatementResponse) -> Any:
    """Rows of a statement; the beginning of its error when it has failed."""
    assert response.status is not None
    if response.status.error is not None:
        return str(response.status.error.message).split("]")[0].removeprefix("[")
    return response.result.data_array if response.result and response.result.data_array else []


def large(w: WorkspaceClient, found: dict[str, Any]) -> None:
    """Three million rows by links to Arrow streams, chunk by chunk."""
    links, arrow = Disposition.EXTERNAL_LINKS, Format.ARROW_STREAM
    response = run(w, "SELECT id, id * 2 AS twice FROM range(3000000)", disposition=links, format=arrow)
    started, total, index = time.monotonic(), 0, 0
    part = response.result
    while part is not None and part.external_links:
        link = part.external_links[0]
        with urllib.request.urlopen(link.external_link or "") as stream:
            total += pa.ipc.open_stream(io.BytesIO(stream.read())).read_all().num_rows
        index += 1
        if link.next_chunk_index is None:
            break
        part = w.statement_execution.get_statement_result_chunk_n(response.statement_id or "", link.next_chunk_index)
    found["large"] = [total, index]
    found["rows_per_second"] = total / (time.monotonic() - started)


def cancel(w: WorkspaceClient, found: dict[str, Any]) -> None:
    """A statement that nobody waits for."""
    slow = "SELECT count(*) FROM range(3000000) a JOIN range(3000000) b ON a.id % 1000 = b.id % 1000"
    begun = w.statement_execution.execute_statement(slow, WAREHOUSE, wait_timeout="0s")
    w.statement_execution.cancel_execution(begun.statement_id or "")
    ended = w.statement_execution.get_statement(begun.statement_id or "")
    timeout = ExecuteStatementRequestOnWaitTimeout.CANCEL
    timed_out = w.statement_execution.execute_statement(slow, WAREHOUSE, wait_timeout="5s", on_wait_timeout=timeout)
    found["canceled"] = [each.status.state.value for each in (ended, timed_out)]  # type: ignore[union-attr]
    try:
        w.statement_execution.get_statement("no-such-statement")
    except DatabricksError as error:
        found["missing"] = error.error_code


if __name__ == "__main__":
    main()
