"""What the quality gate found, kept as tables, and what that means for a model."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME

PASSED, FAILED, QUARANTINED = "passed", "failed", "quarantined"

QUALITY_RESULTS = Table(
    name=f"{CATALOG}.quality.results",
    columns=pa.schema(
        [
            ("run_id", pa.string()),
            ("table_name", pa.string()),
            ("table_version", pa.int64()),
            ("expectation", pa.string()),
            ("n_rows", pa.int64()),
            ("n_failed", pa.int64()),
            ("status", pa.string()),
            ("checked_at", TIME),
        ]
    ),
    key=("run_id", "table_name", "expectation"),
    comment="What each check of a table found; the version is the one that training reads afterwards.",
    constraints=given("run_id", "table_name", "expectation", "checked_at")
    | {"known_status": f"status IN ('{PASSED}', '{FAILED}', '{QUARANTINED}')"},
    owner=OWNER,
)

QUARANTINE = Table(
    name=f"{CATALOG}.quality.quarantine",
    columns=pa.schema(
        [
            ("table_name", pa.string()),
            ("table_version", pa.int64()),
            ("reason", pa.string()),
            ("row", pa.string()),
            ("quarantined_at", TIME),
        ]
    ),
    key=("table_name", "table_version", "reason", "row"),
    comment="Rows taken out of a table, as JSON, with the expectation that they broke.",
    constraints=given("table_name", "reason", "row", "quarantined_at"),
    owner=OWNER,
    retention=timedelta(days=90),
    retention_column="quarantined_at",
)


def objection(lake: Lake, table_versions: Mapping[str, int]) -> str:
    """Why a model that learnt from these versions may not go forward; empty when nothing speaks against it.

    The check of a version is the newest that was made of it or, when rows came since, of one before it. What was
    never checked is no objection: models trained by hand need no gate.
    """
    if not table_versions or not lake.exists(QUALITY_RESULTS.name):
        return ""
    results = lake.read(QUALITY_RESULTS.name).to_pylist()
    broken = [text for item in sorted(table_versions.items()) if (text := _broken(results, *item))]
    return f"it learnt from tables that failed their gate: {'; '.join(broken)}" if broken else ""


def _broken(results: list[dict[str, Any]], name: str, version: int) -> str:
    of_table = [row for row in results if row["table_name"] == name and row["table_version"] <= version]
    if not of_table:
        return ""
    newest = max(of_table, key=lambda row: (row["table_version"], row["checked_at"]))
    failed = [
        f"{row['expectation']} ({row['n_failed']} of {row['n_rows']} rows are not)"
        for row in of_table
        if row["run_id"] == newest["run_id"] and row["status"] == FAILED
    ]
    return f"{name} version {newest['table_version']}: {', '.join(failed)}" if failed else ""
