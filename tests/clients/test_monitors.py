"""Monitors by `databricks-sdk`, unmodified, in a process of its own."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from quikapp_ml.stores.lake import open_lake


def test_monitors_are_made_refreshed_read_changed_and_forgotten(client: Any, home: Path) -> None:
    found = client("sdk_monitors.py")
    assert (found["same"], found["got"], found["first"], found["second_is_over"]) == (True, True, "SUCCESS", True)
    profiles, drift = found["tables"]
    lake = open_lake(str(home / "lakehouse"))
    days = lake.read(profiles).filter(pc.field("column_name") == ":table")
    days = days.filter((pc.field("granularity") == "1 day") & pc.field("slice_key").is_null())
    assert days.num_rows >= 4 and pc.sum(days["count"]).as_py() == lake.read("quikapp_ml.bronze.events").num_rows
    tested = lake.read(drift).filter(pc.field("column_name") == "event_id")
    assert tested.num_rows > 0 and pc.all(pc.is_valid(tested["js_distance"])).as_py()
    for table in (profiles, drift):
        lake.drop(table)
    assert found["changed"] == [True, 1] and found["gone"] == "RESOURCE_DOES_NOT_EXIST"
    assert (found["id_same"], found["id_round_trip"], found["id_canceled"], found["id_left"]) == (True, True, True, 0)
    assert (found["id_series"], found["id_state"]) == ("ingest_time", "MONITOR_REFRESH_STATE_SUCCESS")
