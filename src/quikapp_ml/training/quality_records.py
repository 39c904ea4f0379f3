"""What the quality gate found, kept as tables, and what that means for a model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class TakenOut:
    """Rows that went to quarantine from one version of a table: how many, and how many for each reason."""

    n_rows: int
    by_reason: Mapping[str, int]


def taken_out_untold(lake: Lake, name: str, version: int) -> TakenOut:
    """What a check that was cut off took out to make this version, and did not live to tell of."""
    if not lake.exists(QUARANTINE.name) or _is_told_of(lake, name, version):
        return TakenOut(0, {})
    taken = [
        row
        for row in lake.read(QUARANTINE.name).to_pylist()
        if (row["table_name"], row["table_version"]) == (name, version - 1)
    ]
    return TakenOut(len({row["row"] for row in taken}), Counter(row["reason"] for row in taken))


def _is_told_of(lake: Lake, name: str, version: int) -> bool:
    if not lake.exists(QUALITY_RESULTS.name):
        return False
    told = lake.read(QUALITY_RESULTS.name, columns=["table_name", "table_version"]).to_pylist()
    return {"table_name": name, "table_version": version} in told


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
