import gc
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

from quikapp_ml.errors import InvalidInput, Unavailable
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.spark import SparkCompute

PEOPLE = Table("quikapp_ml.bronze.people", pa.schema([("id", pa.string())]), ("id",), "")


@pytest.mark.parametrize("folder", ["with space", "ümläut", "a+b", "it's", "comma,semi;colon"])
def test_tables_below_folders_that_sail_cannot_read(tmp_path: Path, folder: str) -> None:
    lake = open_lake(str(tmp_path / folder))
    lake.ensure(PEOPLE)
    lake.append(PEOPLE.name, pa.table({"id": ["ada"]}))
    compute = SparkCompute()
    try:
        for version, expected in ((None, 1), (0, 0), (1, 1)):
            versions = {} if version is None else {"people": version}
            rows = compute.query("SELECT id FROM people", {"people": lake.uri(PEOPLE.name)}, versions)
            assert rows.num_rows == expected
    finally:
        compute.close()


def test_leaves_nothing_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake(str(tmp_path / "a lake"))
    lake.ensure(PEOPLE)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    compute = SparkCompute()
    compute.query("SELECT id FROM people", {"people": lake.uri(PEOPLE.name)})
    assert list(temporary.iterdir())
    compute.close()
    assert not list(temporary.iterdir())


def test_opens_again_after_close() -> None:
    compute = SparkCompute()
    for _ in range(2):
        assert compute.query("SELECT 1 AS one", {}).to_pylist() == [{"one": 1}]
        compute.close()
    compute.close()


def test_an_answer_in_one_message_above_the_limit_of_the_client() -> None:
    compute = SparkCompute()
    try:
        (row,) = compute.query("SELECT REPEAT('x', 150000000) AS told", {}).to_pylist()
    finally:
        compute.close()
    assert len(row["told"]) == 150_000_000


def test_the_finalizer_of_a_session_leaves_alone_the_threads_of_others() -> None:
    one, other = SparkCompute(), SparkCompute()
    try:
        session = one.session()
        one.close()
        other.query("SELECT 1 AS one", {})
        threads = ExecutePlanResponseReattachableIterator._release_thread_pool_instance
        del session
        gc.collect()
        assert threads is not None
        assert ExecutePlanResponseReattachableIterator._release_thread_pool_instance is threads
    finally:
        other.close()


def test_two_engines_do_not_see_each_other(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(PEOPLE)
    first, second = SparkCompute(), SparkCompute()
    try:
        first.query("SELECT 1 AS one", {})
        second.query("SELECT 1 AS one", {})
        first.close()
        assert second.query("SELECT COUNT(*) AS n FROM people", {"people": lake.uri(PEOPLE.name)}).num_rows == 1
    finally:
        first.close()
        second.close()


def test_a_remote_that_does_not_answer_is_refused_at_once_without_its_token() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    compute = SparkCompute(f"sc://127.0.0.1:{port}/;token=secret-1")
    began = time.monotonic()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}") as caught:
        compute.query("SELECT 1", {})
    assert time.monotonic() - began < 5
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize("remote", ["http://host:1/secret-1", "sc://", "sc://host:secret-1"])
def test_a_remote_of_another_form(remote: str) -> None:
    with pytest.raises(InvalidInput, match="sc://host:port") as caught:
        SparkCompute(remote).query("SELECT 1", {})
    assert "secret-1" not in str(caught.value)


def test_a_process_that_never_asks_starts_no_engine_and_prints_nothing() -> None:
    program = (
        "import threading; from quikapp_ml.stores.lake import open_compute; before = threading.active_count()\n"
        "compute = open_compute(); compute.close(); assert threading.active_count() == before\n"
        "compute = open_compute(); assert compute.query('SELECT 1 AS one', {}).num_rows == 1; compute.close()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "RUST_LOG"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
