"""SQL by `databricks-sdk`, unmodified, in a process of its own."""

from pathlib import Path
from typing import Any

import pytest

from support.running import quikapp_ml


@pytest.fixture(scope="module")
def found(client: Any, home: Path) -> dict[str, Any]:
    token = quikapp_ml(home, "tokens", "create", "--owner", "ann").stdout.split()[-1]
    told: dict[str, Any] = client("sdk_sql.py", token)
    return told


def test_the_statements_of_the_documentation_work(found: dict[str, Any]) -> None:
    answers = found["answers"]
    assert answers[:6] == [[]] * 6
    assert sorted(answers[6]) == [["user-1", "[0.1,0.2]"], ["user-2", "[0.3]"]]
    assert answers[7] == [["1"]]
    assert [row[0] for row in answers[8]] == ["1", "0"] and answers[8][0][4] == "MERGE"
    assert answers[9] == [["ml-service", "SELECT", "TABLE", "quikapp_ml.ml_features.user_features"]]
    assert int(answers[10][0][1]) > 0
    assert found["dropped"] == []


def test_grants_hold_and_paths_do_not_lead_around_them(found: dict[str, Any]) -> None:
    assert found["denied"] == "INSUFFICIENT_PERMISSIONS"
    assert found["granted"] == [["user-1"], ["user-2"]]
    assert found["path"] == "UNSUPPORTED_FEATURE"


def test_parameters_limits_and_the_warehouse(found: dict[str, Any]) -> None:
    assert found["parameters"] == [["[0.3]"]] and found["limited"] == [["0"], ["1"]]
    assert (found["warehouses"], found["state"]) == (["quikapp"], "RUNNING")


def test_large_answers_come_in_chunks_of_arrow(found: dict[str, Any]) -> None:
    rows, chunks = found["large"]
    assert rows == 3_000_000 and chunks > 1


def test_statements_are_ended(found: dict[str, Any]) -> None:
    assert found["canceled"] == ["CANCELED", "CANCELED"] and found["missing"] == "RESOURCE_DOES_NOT_EXIST"


def test_the_sql_connector_speaks_thrift(client: Any) -> None:
    found = client("sql_connector.py")
    assert found["row"] == ["user-1", [0.5, 1.0]] and found["described"] == ["embedding", "array"]
    assert found["placed"] == 1 and found["many"] == [1_000, 199_000]
    assert "tour_vectors" in found["tables"] and "TABLE_OR_VIEW_NOT_FOUND" in found["refused"]
