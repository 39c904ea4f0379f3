from datetime import UTC, datetime

import pyarrow as pa
import pytest

from quikapp_ml.errors import StorageFailed
from quikapp_ml.serving.audit import AuditTrail, new_entry
from quikapp_ml.serving.privacy import hash_ip
from quikapp_ml.stores.lake.base import Table, Transaction
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import AUDIT
from quikapp_ml.stores.state.memory_access import MemoryAuditLog


class UnsteadyLake(MemoryLake):
    fails_after_commit = is_away = False

    def ensure(self, table: Table) -> None:
        if self.is_away:
            raise StorageFailed("the lake is away")
        super().ensure(table)

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        version = super().append(name, rows, transaction)
        if self.fails_after_commit:
            raise StorageFailed("the lake went away")
        return version


def test_entries_reach_the_table_once_with_hashed_addresses() -> None:
    log, lake = MemoryAuditLog(), UnsteadyLake()
    trail = AuditTrail(log, lake, b"key")
    entry = new_entry("accounts", "createToken", "ann", {"owner": "bob", "from": "203.0.113.7"}, request_id="r-1")
    trail.note(entry, "203.0.113.7")
    lake.fails_after_commit = True
    with pytest.raises(StorageFailed):
        trail.drain()
    lake.fails_after_commit = False
    trail.note(new_entry("accounts", "revokeToken", "ann", {}, status=404, error="HTTP 404"), "")
    assert trail.drain() == 1
    assert log.waiting() == [] and trail.drain() == 0
    rows = sorted(lake.read(AUDIT.name).to_pylist(), key=lambda row: row["event_time"])
    assert [row["action_name"] for row in rows] == ["createToken", "revokeToken"]
    hashed = hash_ip("203.0.113.7", b"key")
    assert rows[0]["source_ip_address"] == hashed and rows[1]["source_ip_address"] is None
    assert dict(rows[0]["request_params"]) == {"owner": "bob", "from": hashed}
    assert rows[0]["user_identity"]["email"] == "ann"
    assert rows[0]["event_id"] == entry.event_id and rows[0]["event_date"] == datetime.now(UTC).date()
    assert rows[1]["response"] == {"status_code": 404, "error_message": "HTTP 404", "result": None}


def test_what_is_noted_is_in_the_table_when_the_trail_is_closed() -> None:
    log, lake = MemoryAuditLog(), MemoryLake()
    trail = AuditTrail(log, lake, b"key")
    trail.start()
    trail.note(new_entry("jobs", "runNow", "ann", {"job_id": "7"}), "127.0.0.1")
    trail.close()
    assert lake.read(AUDIT.name).num_rows == 1


def test_a_lake_that_is_away_is_told_once_and_entries_wait(caplog: pytest.LogCaptureFixture) -> None:
    log, lake = MemoryAuditLog(), UnsteadyLake()
    lake.is_away = True
    trail = AuditTrail(log, lake, b"key")
    trail.note(new_entry("jobs", "runNow", "ann", {}), "")
    trail._drain_or_tell()
    trail._drain_or_tell()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert len(log.waiting()) == 1
