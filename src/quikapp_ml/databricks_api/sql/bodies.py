"""Statements as their callers are told them, and what is asked of one."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quikapp_ml.databricks_api.requests import objects, refuse_fields, text
from quikapp_ml.databricks_api.sql.warehouses import WAREHOUSE_ID
from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.sql.asked import Parameter, Statement
from quikapp_ml.serving.sql.execution import INLINE, Execution, State
from quikapp_ml.serving.sql.results import described, texts
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.stores.lake.tables import CATALOG

STATEMENTS = "/api/2.0/sql/statements"
EXTERNAL_LINKS = "EXTERNAL_LINKS"
FORMATS = ("JSON_ARRAY", "ARROW_STREAM", "CSV")
DEFAULT_WAIT = "10s"
LINK_SECONDS = 900

_KNOWN = frozenset(
    {"statement", "warehouse_id", "catalog", "schema", "parameters", "row_limit", "byte_limit", "disposition", "format"}
) | {"wait_timeout", "on_wait_timeout", "query_tags"}
_WAIT = re.compile(r"(\d{1,2})s")
_PLAIN_TYPE_NAMES = {"TIMESTAMP_NTZ": "TIMESTAMP"}
"""Types that the list of statements' types lacks."""


LinkMaker = Callable[[Execution, int, int], str]
"""Makes the URL of a chunk that opens without a token until it ends (unix seconds)."""


@dataclass(frozen=True)
class Asked:
    """A statement to run, and how long its caller waits for it."""

    execution: Execution
    wait_seconds: int
    cancels: bool
    """Whether it ends when the caller has waited so long."""


def read_asked(given: Mapping[str, Any], caller: Caller) -> Asked:
    """What a request asks. Raises InvalidInput."""
    refuse_fields(given, _KNOWN, {}, "")
    warehouse = text(given, "warehouse_id")
    if warehouse != WAREHOUSE_ID:
        raise InvalidInput(f"{warehouse[:80]!r} is not a valid warehouse id; there is {WAREHOUSE_ID!r}")
    disposition, form = text(given, "disposition", INLINE), text(given, "format", "JSON_ARRAY")
    if disposition not in (INLINE, EXTERNAL_LINKS) or form not in FORMATS:
        raise InvalidInput(f"disposition is INLINE or EXTERNAL_LINKS, format one of {', '.join(FORMATS)}")
    if disposition == INLINE and form != "JSON_ARRAY":
        raise InvalidInput(f"format {form} needs disposition EXTERNAL_LINKS; INLINE answers JSON_ARRAY")
    on_timeout = text(given, "on_wait_timeout", "CONTINUE")
    if on_timeout not in ("CONTINUE", "CANCEL"):
        raise InvalidInput("on_wait_timeout must be CONTINUE or CANCEL")
    session = SqlSession(text(given, "catalog", CATALOG).lower(), text(given, "schema", "default").lower())
    statement = Statement(
        text(given, "statement"), caller, session, _parameters(given), _limit(given, "row_limit")
    )  # fmt: skip
    execution = Execution(statement, disposition, form, _limit(given, "byte_limit"))
    return Asked(execution, _seconds(text(given, "wait_timeout", DEFAULT_WAIT)), on_timeout == "CANCEL")


def told(execution: Execution, link: LinkMaker) -> dict[str, Any]:
    """A statement: its state, and when it has ended well its columns and first rows."""
    body: dict[str, Any] = {"statement_id": execution.statement_id, "status": _status(execution)}
    if execution.state is State.SUCCEEDED:
        body["manifest"] = _manifest(execution)
        body["result"] = told_chunk(execution, 0, link) if execution.chunks else {}
    return body


def told_chunk(execution: Execution, index: int, link: LinkMaker) -> dict[str, Any]:
    """One chunk: its rows, or the link to them. Raises NotFound without it."""
    rows = execution.chunk(index)
    place = _place(execution, index)
    if index + 1 < len(execution.chunks):
        place["next_chunk_index"] = index + 1
        place["next_chunk_internal_link"] = f"{STATEMENTS}/{execution.statement_id}/result/chunks/{index + 1}"
    if execution.disposition == INLINE:
        return {**place, **({"data_array": texts(rows)} if rows.num_rows else {})}
    ends = int(time.time()) + LINK_SECONDS
    expiration = datetime.fromtimestamp(ends, UTC).isoformat().replace("+00:00", "Z")
    return {"external_links": [{**place, "external_link": link(execution, index, ends), "expiration": expiration}]}


def _status(execution: Execution) -> dict[str, Any]:
    status: dict[str, Any] = {"state": execution.state.value}
    if execution.error is not None:
        status["error"] = {"error_code": "BAD_REQUEST", "message": str(execution.error)}
        status["sql_state"] = execution.error.sqlstate
    return status


def _manifest(execution: Execution) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "position": at,
            "type_name": _PLAIN_TYPE_NAMES.get(column.type_name, column.type_name),
            "type_text": column.type_text,
        }
        for at, column in enumerate(described(execution.schema))
    ]
    chunks = [_place(execution, index) for index in range(len(execution.chunks))]
    return {
        "format": execution.form,
        "schema": {"column_count": len(columns), **({"columns": columns} if columns else {})},
        "total_chunk_count": len(chunks),
        **({"chunks": chunks} if chunks else {}),
        "total_row_count": execution.row_count,
        "total_byte_count": execution.nbytes,
        "truncated": execution.truncated,
    }


def _place(execution: Execution, index: int) -> dict[str, Any]:
    chunk = execution.chunks[index]
    before = sum(each.num_rows for each in execution.chunks[:index])
    return {"chunk_index": index, "row_offset": before, "row_count": chunk.num_rows, "byte_count": chunk.nbytes}


def _parameters(given: Mapping[str, Any]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for each in objects(given, "parameters"):
        refuse_fields(each, frozenset({"name", "value", "type"}), {}, "parameters.")
        value = each.get("value")
        if value is not None and not isinstance(value, str):
            raise InvalidInput("values of parameters must be strings")
        name = text(each, "name")
        if name in found:
            raise InvalidInput(f"parameter {name[:80]!r} is given twice")
        found[name] = Parameter(value, text(each, "type", "STRING"))
    return found


def _limit(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 < value < 1 << 53:
        raise InvalidInput(f"{name} must be a whole number of 1 or more")
    return value


def _seconds(given: str) -> int:
    match = _WAIT.fullmatch(given)
    seconds = int(match[1]) if match else -1
    if seconds != 0 and not 5 <= seconds <= 50:
        raise InvalidInput(f"wait_timeout must be 0s, or 5s to 50s, given: {given[:40]!r}")
    return seconds
