"""Whatever is asked of Unity Catalog and SQL, the answer is an answer or a refusal: never a failure."""

import re
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.databricks_api.sql import statements, warehouses
from quikapp_ml.databricks_api.unity_catalog import (
    credentials,
    functions,
    metastore,
    namespaces,
    permissions,
    principals,
    tables,
    volumes,
)
from support.workspace import Workspace

PATH = "/api/2.1/unity-catalog"
SCIM = "/api/2.0/preview/scim/v2"
MODULES = (
    credentials, functions, metastore, namespaces, permissions, principals, tables, volumes, statements, warehouses,
)  # fmt: skip
ROUTES = [(method, route.path) for module in MODULES for route in module.ROUTES for method in route.methods or ()]
ASKED = sorted(each for each in ROUTES if each[0] != "HEAD")

PLACE = {"catalog_name": "quikapp_ml", "schema_name": "default", "name": "t"}
COLUMN = {"name": "n", "type_text": "bigint", "type_name": "LONG", "type_json": '"long"', "position": 0}
FUNCTION = {"data_type": "INT", "full_data_type": "int", "routine_body": "SQL", "routine_definition": "1"}
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", f"{PATH}/tables", {**PLACE, "table_type": "MANAGED", "data_source_format": "DELTA", "columns": [COLUMN]}),
    ("POST", f"{PATH}/staging-tables", dict(PLACE)),
    ("POST", f"{PATH}/volumes", {**PLACE, "volume_type": "MANAGED", "comment": "why"}),
    ("POST", f"{PATH}/functions", {"function_info": {**PLACE, **FUNCTION}}),
    ("POST", f"{PATH}/schemas", {"catalog_name": "quikapp_ml", "name": "s", "properties": {"a": "b"}}),
    ("POST", f"{PATH}/catalogs", {"name": "c", "comment": "why", "properties": {"a": "b"}}),
    ("PATCH", f"{PATH}/catalogs/quikapp_ml", {"comment": "why", "owner": "admin", "properties": {}}),
    ("PATCH", f"{PATH}/permissions/catalog/quikapp_ml", {"changes": [{"principal": "ann", "add": ["SELECT"]}]}),
    ("POST", f"{SCIM}/Groups", {"displayName": "g", "members": [{"value": "ann"}]}),
    ("POST", f"{SCIM}/ServicePrincipals", {"displayName": "s", "applicationId": "a"}),
    ("POST", "/api/2.0/sql/statements", {"statement": "SHOW TABLES", "warehouse_id": "quikapp", "row_limit": 1}),
)
WORDS = st.sampled_from(
    [
        "quikapp_ml", "default", "t", "quikapp_ml.default", "quikapp_ml.default.t", "EXTERNAL", "DELTA", "array<int>",
        "array<", "SELECT", "ALL_PRIVILEGES", "ann", "remove", "quikapp", "0s", "file:///dev/null/x", "..", "\0", "é",
        "GRANT SELECT ON t TO ann", "SHOW TABLES LIKE", "USE x", "DROP TABLE t", "CREATE TABLE t (", "SELECT (",
        '{"type":"array"}', '{"name":"x","type":{}}', "INLINE", "CSV", "metastore", "catalog", "function", "users", "",
        "x" * 300,
    ]
)  # fmt: skip
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), WORDS)
NAME = st.one_of(
    st.sampled_from(sorted({*PLACE, *COLUMN, *FUNCTION, "changes", "value", "members"})), st.text(max_size=5)
)
VALUE = st.recursive(
    st.one_of(LEAF, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAME, inner, max_size=4)),
    max_leaves=8,
)
PARAMETERS = ("catalog_name", "schema_name", "max_results", "page_token", "force", "filter", "startIndex", "count")
ODD = st.sampled_from(["0", "1", "-1", "true", "YXQ6MQ==", 'displayName eq "x"', "9" * 30])
QUERY = st.dictionaries(st.sampled_from([*PARAMETERS, "principal", "expires"]), st.one_of(WORDS, ODD), max_size=3)
CALLERS = st.sampled_from(["admin", "ann"])
MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error_code", "message"}


@MANY
@given(st.sampled_from(ASKED), st.lists(WORDS, min_size=8, max_size=8), VALUE, QUERY, CALLERS)
def test_no_path_query_or_body_makes_the_service_fail(
    workspace: Workspace, asked: tuple[str, str], names: list[str], body: Any, query: dict[str, str], who: str
) -> None:
    words = iter(names)
    path = re.sub(r"\{\w+:int\}", "0", asked[1])
    path = re.sub(r"\{[\w:]+\}", lambda _: next(words).replace("/", "%2F").replace("\0", "%00") or "x", path)
    check(workspace.request(asked[0], path, who, content=orjson.dumps(body), params=query))


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> Any:
    """A body with one part, somewhere, that is something else."""
    if not body or not isinstance(body, (dict, list)) or draw(st.integers(0, 3)) == 0:
        return draw(VALUE)
    if isinstance(body, list):
        return [draw(mutated(body[0])), *body[1:]]
    name = draw(
        st.sampled_from([*body, "new_name", "storage_location", "parameters", "owner", "catalog", "wait_timeout"])
    )
    return {**body, name: draw(mutated(body.get(name)))}


@MANY
@given(st.data(), st.sampled_from(BODIES), CALLERS)
def test_a_body_with_one_odd_part_is_answered_or_refused(
    workspace: Workspace, data: st.DataObject, asked: tuple[str, str, dict[str, Any]], who: str
) -> None:
    method, path, body = asked
    check(workspace.request(method, path, who, content=orjson.dumps(data.draw(mutated(body)))))
