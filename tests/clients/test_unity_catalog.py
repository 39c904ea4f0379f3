"""Unity Catalog by `databricks-sdk` and by the open-source project's own client, unmodified, in their own processes."""

from pathlib import Path
from typing import Any

import pytest

from support.running import quikapp_ml


@pytest.fixture(scope="module")
def found(client: Any, home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    token = quikapp_ml(home, "tokens", "create", "--owner", "ann").stdout.split()[-1]
    told: dict[str, Any] = client("sdk_unity.py", token, (tmp_path_factory.mktemp("outside") / "lines").as_uri())
    return told


def test_what_the_service_has_made_is_there(found: dict[str, Any]) -> None:
    assert found["catalogs"] == ["quikapp_ml"] and found["metastore"]["default_catalog_name"] == "quikapp_ml"
    assert {"bronze", "silver", "ml_features", "default"} <= set(found["schemas"])
    assert {"quikapp_ml.bronze.events", "quikapp_ml.bronze.decisions"} <= set(found["tables"])
    assert found["summaries"] == ["quikapp_ml.bronze.events"]
    events = found["events"]
    assert events["table_type"] == "MANAGED" and events["storage_location"].endswith("/bronze/events")
    assert {"event_id": "string", "event_time": "timestamp"}.items() <= {
        each["name"]: each["type_text"] for each in events["columns"]
    }.items()
    assert "Every accepted event" in events["comment"] and events["owner"] == found["summary"]["owner"]


def test_catalog_schema_and_table_are_made_and_changed(found: dict[str, Any]) -> None:
    assert (found["catalog"]["name"], found["catalog_changed"]["comment"]) == ("sales", "what we sell")
    assert found["schema"]["comment"] == "one a day" and found["again"] is True and found["exists"] == [True, False]
    columns = [(each["name"], each["type_text"], each["nullable"]) for each in found["table"]["columns"]]
    assert columns == [("id", "bigint", False), ("prices", "array<decimal(10,2)>", True)]


def test_grants_open_the_way_and_leaving_a_group_closes_it(found: dict[str, Any]) -> None:
    assert found["steps"] == ["PERMISSION_DENIED", "PERMISSION_DENIED", "PERMISSION_DENIED", ""]
    assert found["grants"] == {"privilege_assignments": [{"principal": "analysts", "privileges": ["SELECT"]}]}
    assert found["effective"]["privilege_assignments"][0]["privileges"] == [{"privilege": "SELECT"}]
    assert found["after_leaving"] == "PERMISSION_DENIED" and found["groups"] == ["analysts"]
    assert found["services"] == ["app-1"]


def test_files_functions_and_models(found: dict[str, Any]) -> None:
    assert (found["file"], found["size"]) == ("three loaves", 12)
    assert found["folder"] == ["/Volumes/sales/orders/papers/2026/bill.txt"]
    assert found["volume"]["comment"] == "all bills" and found["volumes"] == ["sales.orders.papers"]
    assert found["functions"] == ["twice"] and found["function"]["routine_definition"] == "x * 2"
    assert found["models"] == ["for next week", "sales.orders.demand", "demand", "0"]


def test_what_cannot_be_is_refused_in_databricks_words(found: dict[str, Any]) -> None:
    assert found["refused"] == [
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_CONFLICT",
        "RESOURCE_DOES_NOT_EXIST",
        "FEATURE_DISABLED",
        "PERMISSION_DENIED",
        "RESOURCE_DOES_NOT_EXIST",
    ]
    assert found["left"] == ["quikapp_ml"]


def test_the_open_source_client_finds_its_own_spelling(client: Any, tmp_path: Path) -> None:
    assert client("unity_client.py", (tmp_path / "read").as_uri()) == {
        "created": "books",
        "changed": ["library", "to read"],
        "columns": [["title", "string", "STRING"]],
        "tables": ["read"],
        "grants": [["ann", ["SELECT", "USE CATALOG"]]],
        "events": ["event_id", "type", "event_time"],
        "volumes": [],
        "functions": [],
        "left": ["quikapp_ml"],
    }


def test_sail_reads_and_writes_tables_by_its_own_client(client: Any, tmp_path: Path) -> None:
    assert client("sail_unity.py", (tmp_path / "outside").as_uri()) == {
        "managed": [{"n": 1, "word": "one"}, {"n": 2, "word": "two"}],
        "external": [{"s": 30}],
        "events": [{"some": True}],
        "tables": ["numbers", "outside"],
    }
