"""Shares and recipients by `databricks-sdk`, unmodified, in a process of its own."""

from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.deltars import DeltaLake
from support.running import Running

NUMBERS = Table("quikapp_ml.open.numbers", pa.schema([("n", pa.int64())]), ("n",), "Some numbers.")


@pytest.fixture(scope="module")
def found(client: Any, home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    lake = DeltaLake(str(home / "lakehouse"))
    lake.ensure(NUMBERS)
    lake.append(NUMBERS.name, pa.table({"n": [1, 2, 3]}))
    told: dict[str, Any] = client("shares.py", str(tmp_path_factory.mktemp("profiles")), NUMBERS.name)
    return told


def test_a_share_is_made_and_filled(found: dict[str, Any]) -> None:
    assert {**found["created"], "owner": "", "created_at": 0} == {
        "name": "quarter",
        "comment": "numbers",
        "owner": "",
        "created_at": 0,
    }
    (shared,) = found["updated"]["objects"]
    assert (shared["name"], shared["shared_as"], shared["status"]) == (NUMBERS.name, "open.numbers", "ACTIVE")
    assert (shared["cdf_enabled"], shared["history_data_sharing_status"]) == (True, "ENABLED")


def test_a_recipient_fetches_its_token_once(found: dict[str, Any]) -> None:
    assert found["recipient"]["activated"] is False and found["recipient"]["authentication_type"] == "TOKEN"
    assert (found["rows"], found["fetched_again"], found["activated"]) == (3, "RESOURCE_DOES_NOT_EXIST", True)


def test_rotation_ends_the_old_token_when_it_is_told_to(found: dict[str, Any]) -> None:
    assert (found["old_profile"], found["tables"]) == ("HTTP 401", ["numbers"])


def test_grants_are_told_from_both_sides_and_can_be_taken_back(found: dict[str, Any]) -> None:
    grant = [{"principal": "partner", "privileges": ["SELECT"]}]
    assert found["granted"] == found["may_be_read_by"] == {"privilege_assignments": grant}
    assert found["may_read"] == {"permissions_out": [{"share_name": "quarter", "privilege_assignments": grant}]}
    assert found["after_revoking"] == []


def test_a_shared_table_can_be_changed(found: dict[str, Any]) -> None:
    (moved,) = found["moved"]["objects"]
    assert (moved["shared_as"], moved["history_data_sharing_status"]) == ("open.figures", "ENABLED")
    assert found["with_tables"] == found["moved"]
    assert "objects" not in found["without_tables"]


def test_lists_name_what_there_is(found: dict[str, Any]) -> None:
    assert "quarter" in found["shares"] and "partner" in found["recipients"] and found["renamed"] == "new"
    assert {"quarter", "partner"} & set(found["left"]) == set()


def test_what_cannot_be_is_refused_in_databricks_words(found: dict[str, Any]) -> None:
    assert found["refused"] == [
        "RESOURCE_ALREADY_EXISTS",
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_DOES_NOT_EXIST",
        "FEATURE_DISABLED",
        "FEATURE_DISABLED",
        "RESOURCE_DOES_NOT_EXIST",
        "INVALID_PARAMETER_VALUE",
    ]


def test_without_a_token_nothing_is_managed(service: Running) -> None:
    for path in ("shares", "recipients", "shares/quarter", "public/anything_else"):
        assert httpx.get(f"{service.url}/api/2.1/unity-catalog/{path}").status_code == 401
    unknown = httpx.get(f"{service.url}/api/2.1/unity-catalog/public/data_sharing_activation/guess")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
