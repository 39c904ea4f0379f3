"""Jobs by `databricks-sdk`, unmodified, in a process of its own."""

from typing import Any


def test_jobs_are_found_made_run_canceled_repaired_changed_and_forgotten(client: Any) -> None:
    found = client("sdk_jobs.py")
    assert found["tasks"][:2] == ["feature_engineering", "quality_gate"]
    assert (found["same"], found["run_same"]) == (True, True)
    assert (found["result"], found["canceled"], found["repaired"]) == ("SUCCESS", "CANCELED", "SUCCESS")
    assert "quikapp_ml.silver.messages" in found["logs"]
    assert found["runs"] == [True]
    assert "is running already" in found["second"]
    assert (found["submitted"], found["schedule"], found["reset"]) == ("once", "Europe/Berlin", ["a", "b"])
    assert found["gone"] == "RESOURCE_DOES_NOT_EXIST"
