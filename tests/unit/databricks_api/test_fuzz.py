"""Whatever is sent to any route of the workspace is answered or refused: nothing breaks the service."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from quikapp_ml.databricks_api import HOT_ROUTES, ROUTES
from quikapp_ml.databricks_api.errors import speaks_databricks
from support.workspace import Workspace

NOT_HERE, LATER = 501, 503
"""What the service says it cannot do, or not now."""

ASKED = sorted(
    (method, route.path) for route in (*HOT_ROUTES, *ROUTES) for method in route.methods or () if method != "HEAD"
)
NAMES = (
    "name", "full_name", "catalog_name", "schema_name", "table_name", "columns", "comment", "properties", "owner",
    "storage_location", "config", "served_entities", "entity_name", "entity_version", "traffic_config", "routes",
    "statement", "warehouse_id", "parameters", "wait_timeout", "row_limit", "job_id", "run_id", "settings",
    "new_settings", "tasks", "task_key", "notebook_task", "notebook_path", "schedule", "snapshot", "time_series",
    "output_schema_name", "slicing_exprs", "object_type", "object_id", "data_profiling_config", "changes", "add",
    "remove", "principal", "updates", "action", "data_object", "experiment_id", "key", "value", "metrics", "filter",
    "max_results", "page_token", "order_by", "experiment_ids", "tags", "version", "alias", "token_id",
    "dataframe_records", "dataframe_split", "inputs", "instances", "data", "index", "user_id", "content",
    "access_control_list",
)  # fmt: skip
WORDS = st.sampled_from([
    "quikapp_ml", "quikapp_ml.bronze", "quikapp_ml.bronze.events", "quikapp-spam", "quikapp", "1", "0", "-1",
    "", " ", ".", "..", "a/b", "a%2fb", "\0", "é", "x" * 300, "2147483648", "9" * 30, "SELECT 1", "DROP",
    "true", "TABLE", "ADD", "SELECT",
])  # fmt: skip


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES), values, max_size=5)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), WORDS
)
JSON = st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), objects(inner)), max_leaves=12)


@pytest.fixture(autouse=True)
def closed(workspace: Workspace) -> Iterator[None]:
    yield
    workspace.service.close_statements()


@given(st.data())
@hypothesis_settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
def test_no_route_breaks(workspace: Workspace, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(ASKED))
    for name in re.findall(r"\{\w+(?::\w+)?\}", path):
        path = path.replace(name, quote(data.draw(WORDS), safe=""), 1)
    query = data.draw(st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=3))
    body = data.draw(st.one_of(st.none(), objects(JSON), JSON))
    sent = {} if method == "GET" or body is None else {"json": body}
    answer = workspace.request(method, path, params=query, **sent)
    allowed = answer.status_code < 500 or answer.status_code in (NOT_HERE, LATER)
    assert allowed, f"{method} {path} {query} {body}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400 and speaks_databricks(answer.request.url.path) and "/invocations" not in path:
        assert answer.json()["error_code"], answer.text
