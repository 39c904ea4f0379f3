"""A disk that fills up refuses events clearly, keeps every one that it accepted, and goes on when there is room."""

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.serving.intake import EventIntake
from support import full_disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us mount no file system; the test below limits the size of files instead")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_file_system_that_fills_up(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\x00" * 3 * 1024**2)
    full_disk.outlive(small_disk, make_room=ballast.unlink)
    assert "5 refusals" in capsys.readouterr().out


@pytest.mark.parametrize("n_bytes", [60_000, 400_000])
def test_files_that_may_not_grow(tmp_path: Path, n_bytes: int) -> None:
    sources = [Path(inspect.getfile(EventIntake)).parents[2], Path(inspect.getfile(full_disk)).parents[1]]
    done = subprocess.run(
        [sys.executable, inspect.getfile(full_disk), str(tmp_path), str(n_bytes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "5 refusals" in done.stdout
