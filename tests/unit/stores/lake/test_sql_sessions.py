"""Sessions of the engine know what was registered in them, and hold no more than they may."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from quikapp_ml.errors import JobFailed
from quikapp_ml.stores.lake.sql_sessions import SqlSessions


def test_a_session_knows_its_own_tables_only(tmp_path: Path) -> None:
    url = (tmp_path / "ä table").as_uri()
    write_deltalake(url, pa.table({"n": [1, 2]}))
    write_deltalake(url, pa.table({"n": [3]}), mode="append")
    sessions = SqlSessions()
    first, second = sessions.open(), sessions.open()
    assert first.query("SELECT sum(n) AS s FROM a", {"a": url}, {}, None).to_pylist() == [{"s": 6}]
    assert first.query("SELECT * FROM a ORDER BY n", {"a": url}, {"a": 0}, 1).to_pylist() == [{"n": 1}]
    with pytest.raises(JobFailed):
        second.query("SELECT * FROM a", {}, {}, None)
    merge = "MERGE INTO b USING c ON b.n = c.n AND c.n > 1 WHEN MATCHED THEN DELETE"
    second.change(merge, {"b": url, "c": url}, {}, "b")
    assert first.query("SELECT * FROM d", {"d": url}, {}, None).to_pylist() == [{"n": 1}]
    first.stop()
    second.stop()
    sessions.close()


def test_an_answer_that_is_too_large_is_not_held() -> None:
    sessions = SqlSessions(most_bytes=1 << 20)
    session = sessions.open()
    assert session.query("SELECT id FROM range(100000)", {}, {}, None).num_rows == 100_000
    assert session.query("SELECT id FROM range(0)", {}, {}, None).schema.names == ["id"]
    with pytest.raises(JobFailed, match="larger than 1 MiB"):
        session.query("SELECT id FROM range(100000000)", {}, {}, None)
    session.stop()
    sessions.close()
