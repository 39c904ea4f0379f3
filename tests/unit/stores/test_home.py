import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.errors import Damaged, HomeInUse, StorageFailed
from quikapp_ml.stores.home import Home, RunningService

OTHER_PROCESS = """
import sys
from pathlib import Path
from quikapp_ml.stores.home import Home

home = Home(Path(sys.argv[1]))
home.lock()
home.announce("http://127.0.0.1:5008")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that owns the home."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(inspect.getfile(Home)).parents[2])},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_home_is_made_for_its_owner_only(tmp_path: Path) -> None:
    Home(tmp_path / "new" / "home")
    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700


def test_a_home_under_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageFailed, match=r"cannot be written: Not a directory.*QUIKAPP_ML_HOME"):
        Home(tmp_path / "file" / "home")


def test_a_home_on_a_file_system_that_takes_no_files_is_refused() -> None:
    with pytest.raises(StorageFailed, match="/proc/sys cannot be written"):
        Home(Path("/proc/sys"))


def test_a_read_only_home_is_refused(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us mount no file system; /proc/sys is tried instead, in the test above")
    try:
        with pytest.raises(StorageFailed, match="Read-only file system"):
            Home(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_second_process_is_told_who_owns_the_home(tmp_path: Path, owner: "subprocess.Popen[str]") -> None:
    home = Home(tmp_path)
    with pytest.raises(HomeInUse, match=f"process {owner.pid}, which answers at http://127.0.0.1:5008"):
        home.lock()
    assert home.running() == RunningService(owner.pid, "http://127.0.0.1:5008")


def test_a_killed_owner_leaves_the_home_free(tmp_path: Path, owner: "subprocess.Popen[str]") -> None:
    owner.kill()
    owner.wait()
    home = Home(tmp_path)
    assert home.running() is None
    home.lock()
    assert home.running() == RunningService(os.getpid())
    home.unlock()


def test_a_home_can_be_locked_again_after_unlock(tmp_path: Path) -> None:
    first = Home(tmp_path)
    first.lock()
    with pytest.raises(HomeInUse, match=f"process {os.getpid()}"):
        Home(tmp_path).lock()
    first.unlock()
    first.unlock()
    assert first.running() is None
    second = Home(tmp_path)
    second.lock()
    second.unlock()


def test_nobody_runs_in_a_new_home(tmp_path: Path) -> None:
    assert Home(tmp_path).running() is None


def test_a_garbled_service_file_hides_the_owner_but_not_the_lock(tmp_path: Path) -> None:
    owner = Home(tmp_path)
    owner.lock()
    (tmp_path / "service.json").write_text('{"pid": ')
    with pytest.raises(HomeInUse, match="in use by another process"):
        Home(tmp_path).lock()
    owner.unlock()


def test_only_the_owner_announces(tmp_path: Path) -> None:
    with pytest.raises(HomeInUse, match="not locked"):
        Home(tmp_path).announce("http://127.0.0.1:1")


def test_a_home_has_a_name_that_stays_the_same(tmp_path: Path) -> None:
    name = Home(tmp_path / "a").identity()
    assert Home(tmp_path / "a").identity() == name
    assert Home(tmp_path / "b").identity() != name != ""
    (tmp_path / "a" / "id").write_text("\n")
    with pytest.raises(Damaged, match="put the name of this home back"):
        Home(tmp_path / "a").identity()


def test_the_secret_stays_the_same_and_private(tmp_path: Path) -> None:
    secret = Home(tmp_path).secret()
    assert len(secret) == 32
    assert Home(tmp_path).secret() == secret
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_two_homes_have_two_secrets(tmp_path: Path) -> None:
    assert Home(tmp_path / "a").secret() != Home(tmp_path / "b").secret()


def test_a_damaged_secret_is_not_used(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secret()
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(Damaged, match="5 bytes instead of 32"):
        home.secret()
