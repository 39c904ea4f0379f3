"""Monitors by `w.quality_monitors` and `w.data_quality`: made, refreshed, read, changed, forgotten. Prints JSON."""

import json
import time
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import (
    MonitorCronSchedule,
    MonitorInfo,
    MonitorRefreshInfoState,
    MonitorSnapshot,
    MonitorTimeSeries,
)
from databricks.sdk.service.dataquality import (
    AggregationGranularity,
    DataProfilingConfig,
    Monitor,
    Refresh,
    RefreshState,
    SnapshotConfig,
    TimeSeriesConfig,
)

EVENTS = "quikapp_ml.bronze.events"
OUTPUT = "quikapp_ml.monitoring"
RUNNING = {MonitorRefreshInfoState.PENDING, MonitorRefreshInfoState.RUNNING}


def older(w: WorkspaceClient) -> dict[str, Any]:
    nightly = MonitorCronSchedule(quartz_cron_expression="0 0 3 * * ?", timezone_id="UTC")
    series = MonitorTimeSeries(timestamp_col="event_time", granularities=["1 day"])
    made = w.quality_monitors.create(
        EVENTS, output_schema_name=OUTPUT, assets_dir="/Workspace/x", time_series=series,
        slicing_exprs=["type", "thread_id IS NOT NULL"], schedule=nightly,
    )  # fmt: skip
    while (first := next(iter(w.quality_monitors.list_refreshes(EVENTS).refreshes or []))).state in RUNNING:
        time.sleep(0.1)
    again = w.quality_monitors.run_refresh(EVENTS)
    w.quality_monitors.cancel_refresh(EVENTS, again.refresh_id)
    found = {
        "same": MonitorInfo.from_dict(made.as_dict()).as_dict() == made.as_dict(),
        "tables": [made.profile_metrics_table_name, made.drift_metrics_table_name],
        "first": first.state.value,
        "second_is_over": w.quality_monitors.get_refresh(EVENTS, again.refresh_id).state not in RUNNING,
        "got": w.quality_monitors.get(EVENTS).as_dict() == made.as_dict(),
    }
    changed = w.quality_monitors.update(EVENTS, output_schema_name=OUTPUT, snapshot=MonitorSnapshot())
    found["changed"] = [changed.snapshot is not None, changed.monitor_version]
    w.quality_monitors.delete(EVENTS)
    try:
        w.quality_monitors.get(EVENTS)
    except NotFound as error:
        found["gone"] = error.error_code
    return found


def newer(w: WorkspaceClient) -> dict[str, Any]:
    table_id = w.tables.get(EVENTS).table_id or ""
    config = DataProfilingConfig(output_schema_id=w.schemas.get(OUTPUT).schema_id or "", snapshot=SnapshotConfig())
    made = w.data_quality.create_monitor(Monitor(object_type="table", object_id=table_id, data_profiling_config=config))
    listed = [each.object_id for each in w.data_quality.list_monitor()]
    series = TimeSeriesConfig(
        timestamp_column="ingest_time", granularities=[AggregationGranularity.AGGREGATION_GRANULARITY_1_WEEK]
    )
    weekly = DataProfilingConfig(config.output_schema_id, time_series=series)
    changed = w.data_quality.update_monitor(
        "table", table_id,
        Monitor("table", table_id, data_profiling_config=weekly), "*",
    )  # fmt: skip
    refresh = next(iter(w.data_quality.list_refresh("table", table_id)))
    while refresh.state in (RefreshState.MONITOR_REFRESH_STATE_PENDING, RefreshState.MONITOR_REFRESH_STATE_RUNNING):
        time.sleep(0.1)
        refresh = w.data_quality.get_refresh("table", table_id, refresh.refresh_id or 0)
    asked = w.data_quality.create_refresh("table", table_id, Refresh(object_type="table", object_id=table_id))
    canceled = w.data_quality.cancel_refresh("table", table_id, asked.refresh_id or 0)
    got = w.data_quality.get_monitor("table", table_id)
    w.data_quality.delete_monitor("table", table_id)
    assert got.data_profiling_config and got.data_profiling_config.time_series
    return {
        "id_same": made.object_id == table_id and table_id in listed,
        "id_series": got.data_profiling_config.time_series.timestamp_column,
        "id_round_trip": Monitor.from_dict(changed.as_dict()).as_dict() == changed.as_dict() == got.as_dict(),
        "id_state": refresh.state.value if refresh.state else None,
        "id_canceled": canceled.refresh is not None,
        "id_left": len(list(w.data_quality.list_monitor())),
    }


def main() -> None:
    w = WorkspaceClient()
    print(json.dumps({**older(w), **newer(w)}))  # noqa: T201


main()
