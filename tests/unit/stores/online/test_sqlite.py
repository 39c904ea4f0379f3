import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from quikapp_ml.errors import Damaged, InvalidInput, StorageFailed
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "online.db"


def test_documents_and_checkpoint_outlive_the_process(path: Path) -> None:
    first = SQLiteOnlineStore(path)
    first.write({"people": {"ada": b"1"}}, checkpoint=5)
    first.close()
    again = SQLiteOnlineStore(path)
    assert again.get("people", ["ada"]) == [b"1"]
    assert again.checkpoint == 5
    again.close()


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


@pytest.mark.parametrize("seconds", [0.05, 0.11, 0.23])
def test_a_process_killed_while_it_writes_leaves_whole_transactions(path: Path, seconds: float) -> None:
    program = """
        import itertools, sys
        from pathlib import Path
        from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
        store = SQLiteOnlineStore(Path(sys.argv[1]))
        for number in itertools.count(1):
            store.write({"people": {str(key): str(number).encode() for key in range(300)}}, checkpoint=number)
            print(number, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout
    child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    acknowledged = [1, *map(int, child.communicate()[0].split())][-1]
    store = SQLiteOnlineStore(path)
    assert store.checkpoint in (acknowledged, acknowledged + 1)
    assert {document for _, document in store.items("people")} == {str(store.checkpoint).encode()}
    assert store.count("people") == 300
    store.close()


def test_a_full_disk_is_storage_failed_and_nothing_of_the_write_stays(path: Path) -> None:
    program = """
        import resource, sys
        from pathlib import Path
        from quikapp_ml.errors import StorageFailed
        from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore
        store = SQLiteOnlineStore(Path(sys.argv[1]))
        store.write({"people": {"ada": b"1"}}, checkpoint=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))  # no file may grow larger
        try:
            store.write({"people": {"ada": b"2", **{str(n): b"x" * 1000 for n in range(3000)}}}, checkpoint=2)
        except StorageFailed as error:
            assert store.get("people", ["ada", "7"]) == [b"1", None], "something of the write stayed"
            assert store.checkpoint == 1
            store.write({"people": {"bob": b"3"}}, checkpoint=3)
            sys.exit(0)
        sys.exit("the write went through")
    """
    done = run(program, path)
    assert done.returncode == 0, done.stderr
    store = SQLiteOnlineStore(path)
    assert dict(store.items("people")) == {"ada": b"1", "bob": b"3"}
    store.close()


def test_a_store_locked_by_another_process_is_storage_failed(path: Path) -> None:
    store = SQLiteOnlineStore(path)
    store._writer.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match="locked"):
        store.write({"people": {"ada": b"1"}})
    assert store.answers()
    other.execute("ROLLBACK")
    other.close()
    store.write({"people": {"ada": b"1"}})
    store.close()


def test_a_folder_that_cannot_be_made_is_storage_failed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match=r"online\.db"):
        SQLiteOnlineStore(tmp_path / "file" / "online.db")


def test_a_folder_made_for_it_is_open_to_nobody_else(tmp_path: Path) -> None:
    SQLiteOnlineStore(tmp_path / "home" / "online.db").close()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_another_file_in_its_place_is_damaged_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but somebody's thesis" * 1000)
    with pytest.raises(Damaged, match=r"online\.db.* Move it away"):
        SQLiteOnlineStore(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_key_that_is_not_text_is_refused(path: Path) -> None:
    store = SQLiteOnlineStore(path)
    with pytest.raises(InvalidInput, match="not text"):
        store.write({"people": {"ada": b"1", "\ud800": b"1"}})
    assert store.count("people") == 0
    store.close()


def test_health_does_not_wait_for_a_long_reading(path: Path) -> None:
    store = SQLiteOnlineStore(path)
    with store._read_lock:
        answers: list[bool] = []
        thread = threading.Thread(target=lambda: answers.append(store.answers()))
        thread.start()
        thread.join(timeout=2)
    assert answers == [False]
    store.close()


def test_reading_does_not_wait_for_a_long_write(path: Path) -> None:
    store = SQLiteOnlineStore(path)
    store.write({"people": {"ada": b"1"}}, checkpoint=1)
    with store._write_lock, store._transaction():
        store._writer.execute("UPDATE documents SET document = x'32'")
        assert store.get("people", ["ada"]) == [b"1"]
        assert store.answers()
    assert store.get("people", ["ada"]) == [b"2"]
    store.close()
