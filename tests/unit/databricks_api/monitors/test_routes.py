"""Quality monitors by both APIs, as the SDK reads them, over real tables."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from databricks.sdk.service.catalog import MonitorInfo, MonitorRefreshInfo
from databricks.sdk.service.dataquality import Monitor, Refresh

from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake.base import Lake, Table
from support.endpoints import Setup
from support.fake_service import FakeService, running
from support.workspace import Workspace

NOTES = Table(
    "quikapp_ml.bronze.notes",
    pa.schema([pa.field("at", pa.timestamp("us", tz="UTC")), pa.field("text", pa.string())]),
    ("text",),
    "Notes.",
)
BY_NAME = f"/api/2.1/unity-catalog/tables/{NOTES.name}/monitor"
BY_ID = "/api/data-quality/v1/monitors"
SNAPSHOT = {"output_schema_name": "quikapp_ml.monitoring", "assets_dir": "/Workspace/x", "snapshot": {}}
SERIES = {
    "output_schema_name": "quikapp_ml.monitoring",
    "time_series": {"timestamp_col": "at", "granularities": ["1 day", "1 hour"]},
    "slicing_exprs": ["text = 'a'"],
    "schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "UNPAUSED"},
}


class Monitors:
    """What tests ask of the APIs."""

    def __init__(self, workspace: Workspace, lake: Lake) -> None:
        self.workspace = workspace
        self.lake = lake

    def ask(self, method: str, path: str, body: Any = None, owner: str = "admin", status: int = 200) -> dict[str, Any]:
        answer = self.workspace.request(method, path, owner, **({"json": body} if body is not None else {}))
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def ended(self) -> dict[str, Any]:
        """The newest refresh, once it has ended."""
        give_up = time.monotonic() + 20
        while True:
            newest: dict[str, Any] = self.ask("GET", f"{BY_NAME}/refreshes")["refreshes"][0]
            if newest["state"] not in ("PENDING", "RUNNING"):
                return newest
            assert time.monotonic() < give_up, "it did not end in time"
            time.sleep(0.02)

    def grant(self, who: str, securable: str, *privileges: str) -> None:
        changes = {"changes": [{"principal": who, "add": list(privileges)}]}
        self.ask("PATCH", f"/api/2.1/unity-catalog/permissions/{securable}", changes)


@pytest.fixture
def monitors(tmp_path: Path) -> Iterator[Monitors]:
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path / "home")}))
    lake = service.unity.securables.lake
    lake.ensure(NOTES)
    lake.append(NOTES.name, pa.table({"at": pa.array([0, 1], NOTES.columns.field("at").type), "text": ["a", "b"]}))
    service.monitors.start()
    with running(service) as client:
        yield Monitors(Workspace(service, client, Setup(tmp_path, service.state.endpoints)), lake)
    service.monitors.close()


def test_a_monitor_is_made_refreshed_read_changed_and_forgotten(monitors: Monitors) -> None:
    made = monitors.ask("POST", BY_NAME, SNAPSHOT)
    assert MonitorInfo.from_dict(made).as_dict() == made
    assert made["profile_metrics_table_name"] == "quikapp_ml.monitoring.notes_profile_metrics"
    assert made["status"] == "MONITOR_STATUS_ACTIVE" and made["snapshot"] == {}
    first = monitors.ended()
    assert MonitorRefreshInfo.from_dict(first).as_dict() == first
    assert (first["state"], first["trigger"]) == ("SUCCESS", "MANUAL")
    asked = monitors.ask("POST", f"{BY_NAME}/refreshes")
    assert monitors.ended()["refresh_id"] == asked["refresh_id"]
    assert monitors.ask("GET", f"{BY_NAME}/refreshes/{asked['refresh_id']}")["state"] == "SUCCESS"
    assert monitors.ask("POST", f"{BY_NAME}/refreshes/{asked['refresh_id']}/cancel") == {}
    drifted = monitors.lake.read(made["drift_metrics_table_name"])
    assert set(drifted["column_name"].to_pylist()) == {":table", "at", "text"}

    changed = monitors.ask("PUT", BY_NAME, SERIES)
    assert MonitorInfo.from_dict(changed).as_dict() == changed
    assert (changed["monitor_version"], changed["time_series"]) == (1, SERIES["time_series"])
    kept = monitors.ask("PUT", BY_NAME, {"output_schema_name": "quikapp_ml.monitoring"})
    assert kept["time_series"] == SERIES["time_series"] and "schedule" not in kept
    assert monitors.ask("GET", BY_NAME) == kept
    monitors.ask("DELETE", BY_NAME)
    assert monitors.ask("GET", BY_NAME, status=404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_the_newer_api_sees_the_same_monitor_by_ids(monitors: Monitors) -> None:
    table = monitors.ask("GET", f"/api/2.1/unity-catalog/tables/{NOTES.name}")
    schema = monitors.ask("GET", "/api/2.1/unity-catalog/schemas/quikapp_ml.monitoring")
    config = {
        "output_schema_id": schema["schema_id"],
        "inference_log": {
            "problem_type": "INFERENCE_PROBLEM_TYPE_CLASSIFICATION", "timestamp_column": "at",
            "granularities": ["AGGREGATION_GRANULARITY_1_DAY", "AGGREGATION_GRANULARITY_5_MINUTES"],
            "prediction_column": "text", "model_id_column": "text", "label_column": "text",
        },
        "schedule": {
            "quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC",
            "pause_status": "CRON_SCHEDULE_PAUSE_STATUS_PAUSED",
        },
    }  # fmt: skip
    body = {"object_type": "table", "object_id": table["table_id"], "data_profiling_config": config}
    made = monitors.ask("POST", BY_ID, body)
    assert Monitor.from_dict(made).as_dict() == made
    assert made["data_profiling_config"]["inference_log"] == config["inference_log"]
    older = monitors.ask("GET", BY_NAME)
    assert older["inference_log"]["granularities"] == ["1 day", "5 minutes"]
    assert older["inference_log"]["problem_type"] == "PROBLEM_TYPE_CLASSIFICATION"
    assert older["schedule"]["pause_status"] == "PAUSED"

    one = f"{BY_ID}/table/{table['table_id']}"
    assert monitors.ended()["state"] == "SUCCESS"
    refresh = monitors.ask("POST", f"{one}/refreshes")
    assert Refresh.from_dict(refresh).as_dict() == refresh
    monitors.ended()
    found = monitors.ask("GET", f"{one}/refreshes")["refreshes"]
    assert [each["state"] for each in found] == ["MONITOR_REFRESH_STATE_SUCCESS"] * 2
    assert monitors.ask("GET", f"{one}/refreshes/{refresh['refresh_id']}") == found[0]
    assert monitors.ask("POST", f"{one}/refreshes/{refresh['refresh_id']}/cancel") == {"refresh": found[0]}

    changed = {**body, "data_profiling_config": {"output_schema_id": "x", "slicing_exprs": ["text"]}}
    updated = monitors.ask("PATCH", f"{one}?update_mask=data_profiling_config.slicing_exprs", changed)
    assert updated["data_profiling_config"]["slicing_exprs"] == ["text"]
    assert updated["data_profiling_config"]["inference_log"] == config["inference_log"]
    assert monitors.ask("GET", BY_ID)["monitors"] == [updated] == [monitors.ask("GET", one)]
    monitors.ask("DELETE", one)
    assert monitors.ask("GET", BY_ID)["monitors"] == []


def test_grants_hold_for_monitors(monitors: Monitors) -> None:
    monitors.ask("POST", BY_NAME, SNAPSHOT)
    monitors.ended()
    for method, path, body in (
        ("GET", BY_NAME, None), ("PUT", BY_NAME, SNAPSHOT), ("DELETE", BY_NAME, None),
        ("POST", f"{BY_NAME}/refreshes", None), ("GET", f"{BY_NAME}/refreshes", None),
    ):  # fmt: skip
        assert monitors.ask(method, path, body, "ann", 403)["error_code"] == "PERMISSION_DENIED"
    assert monitors.ask("GET", BY_ID, owner="ann")["monitors"] == []
    table_id = monitors.ask("GET", f"/api/2.1/unity-catalog/tables/{NOTES.name}")["table_id"]
    monitors.ask("GET", f"{BY_ID}/table/{table_id}", owner="ann", status=404)

    monitors.grant("ann", "catalog/quikapp_ml", "USE_CATALOG", "USE_SCHEMA")
    monitors.grant("ann", f"table/{NOTES.name}", "SELECT")
    assert monitors.ask("GET", BY_NAME, owner="ann")["table_name"] == NOTES.name
    assert len(monitors.ask("GET", BY_ID, owner="ann")["monitors"]) == 1
    monitors.ask("PUT", BY_NAME, SNAPSHOT, "ann", 403)
    monitors.grant("ann", f"table/{NOTES.name}", "MANAGE")
    assert "CREATE" in monitors.ask("PUT", BY_NAME, SNAPSHOT, "ann", 403)["message"]
    monitors.grant("ann", "schema/quikapp_ml.monitoring", "CREATE_TABLE")
    assert monitors.ask("PUT", BY_NAME, SNAPSHOT, "ann")["monitor_version"] == 1


def may_watch(monitors: Monitors, who: str) -> None:
    monitors.grant(who, "catalog/quikapp_ml", "USE_CATALOG", "USE_SCHEMA")
    monitors.grant(who, f"table/{NOTES.name}", "SELECT", "MANAGE")
    monitors.grant(who, "schema/quikapp_ml.monitoring", "CREATE_TABLE")


def test_a_monitor_ends_to_read_when_its_maker_may_no_longer(monitors: Monitors) -> None:
    may_watch(monitors, "ann")
    monitors.ask("POST", BY_NAME, SNAPSHOT, "ann")
    assert monitors.ended()["state"] == "SUCCESS"
    changes = {"changes": [{"principal": "ann", "remove": ["SELECT"]}]}
    monitors.ask("PATCH", f"/api/2.1/unity-catalog/permissions/table/{NOTES.name}", changes)
    monitors.ask("POST", f"{BY_NAME}/refreshes")
    failed = monitors.ended()
    assert failed["state"] == "FAILED" and "does not have SELECT" in failed["message"]
    monitors.ask("PUT", BY_NAME, SNAPSHOT)
    monitors.ask("POST", f"{BY_NAME}/refreshes")
    assert monitors.ended()["state"] == "SUCCESS", "it is the administrator's now"


def test_a_table_that_is_there_is_not_written_to_without_modify(monitors: Monitors) -> None:
    may_watch(monitors, "ann")
    profiles = "quikapp_ml.monitoring.notes_profile_metrics"
    monitors.lake.ensure(Table(profiles, pa.schema([pa.field("mine", pa.string())]), ("mine",), "Somebody's."))
    assert "MODIFY" in monitors.ask("POST", BY_NAME, SNAPSHOT, "ann", 403)["message"]
    assert monitors.lake.columns(profiles).names == ["mine"]
    monitors.lake.drop(profiles)
    monitors.ask("POST", BY_NAME, SNAPSHOT, "ann")
    monitors.ask("PUT", BY_NAME, SNAPSHOT, "ann")
    monitors.ask("DELETE", BY_NAME, owner="ann")
    monitors.ask("POST", BY_NAME, SNAPSHOT, "ann", 403)
    monitors.grant("ann", f"table/{profiles}", "MODIFY")
    monitors.grant("ann", "table/quikapp_ml.monitoring.notes_drift_metrics", "MODIFY")
    monitors.ask("POST", BY_NAME, SNAPSHOT, "ann")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({}, 400, "exactly one of snapshot, time_series, inference_log"),
        ({"snapshot": {}}, 400, "output_schema_name must be a string"),
        ({**SNAPSHOT, "time_series": {}}, 400, "exactly one"),
        ({**SNAPSHOT, "output_schema_name": "quikapp_ml.nothing"}, 404, "does not exist"),
        ({**SNAPSHOT, "baseline_table_name": "quikapp_ml.bronze.nothing"}, 404, "nothing"),
        ({**SNAPSHOT, "custom_metrics": [{"name": "x"}]}, 501, "custom_metrics is not available here"),
        ({**SNAPSHOT, "what": 1}, 400, "what is not a field"),
        ({**SNAPSHOT, "slicing_exprs": ["nothing = 1"]}, 400, "no column of the table"),
        ({**SNAPSHOT, "slicing_exprs": "text"}, 400, "list of strings"),
        ({**SERIES, "time_series": {"timestamp_col": "text", "granularities": ["1 day"]}}, 400, "a time is needed"),
        ({**SERIES, "time_series": {"timestamp_col": "at", "granularities": ["1 eon"]}}, 400, "1 eon"),
        ({**SERIES, "schedule": {"quartz_cron_expression": "0 2 * * *", "timezone_id": "UTC"}}, 400, "6 fields"),
        ({**SERIES, "schedule": {"quartz_cron_expression": "0 0 2 * * ?"}}, 400, "timezone_id must be a string"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_the_reason(
    monitors: Monitors, body: dict[str, Any], status: int, why: str
) -> None:
    assert why in monitors.ask("POST", BY_NAME, body, status=status)["message"]
    monitors.ask("GET", BY_NAME, status=404)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{BY_ID}/schema/x", 501), ("GET", f"{BY_ID}/volume/x", 400), ("GET", f"{BY_ID}/table/x", 404),
        ("GET", f"{BY_NAME}/refreshes/1", 404), ("GET", f"{BY_NAME}/refreshes/x", 400),
        ("POST", f"/api/2.1/quality-monitoring/tables/{NOTES.name}/monitor/dashboard", 501),
        ("POST", "/api/2.1/unity-catalog/tables/notes/monitor/refreshes", 400),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(monitors: Monitors, method: str, path: str, status: int) -> None:
    monitors.ask(method, path, status=status)
