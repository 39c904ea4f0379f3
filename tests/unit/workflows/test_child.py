import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from quikapp_ml.workflows.child import HEAD_BYTES, TAIL_BYTES, Ended, run_child


def python(program: str, log: Path, timeout_seconds: float | None = None) -> Ended:
    return run_child([sys.executable, "-c", program], os.environ, log, timeout_seconds)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "task.log"


def test_output_and_exit_code_are_kept(log: Path) -> None:
    ended = python("import sys; print('to one'); print('to the other', file=sys.stderr, flush=True); sys.exit(3)", log)
    assert (ended.exit_code, ended.is_timed_out) == (3, False)
    assert set(log.read_text().splitlines()) == {"to one", "to the other"}


def test_the_last_line_of_a_traceback_is_its_error(log: Path) -> None:
    ended = python("raise ValueError('too few rows')", log)
    assert (ended.exit_code, ended.last_line) == (1, "ValueError: too few rows")


def test_long_output_keeps_its_beginning_and_its_end(log: Path) -> None:
    n_bytes = HEAD_BYTES + 2 * TAIL_BYTES
    ended = python(f"print('first'); print('x' * {n_bytes}); print('last')", log)
    written = log.read_bytes()
    assert written.startswith(b"first\n")
    assert written.endswith(b"x\nlast\n")
    left_out = n_bytes + len("first\n\nlast\n") - HEAD_BYTES - TAIL_BYTES
    assert f"… {left_out} bytes are left out here …".encode() in written
    assert len(written) < HEAD_BYTES + TAIL_BYTES + 100
    assert ended.last_line == "last"


def test_a_time_limit_ends_the_child_and_all_that_it_started(log: Path) -> None:
    program = (
        "import subprocess, sys, time; "
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(other.pid, flush=True); time.sleep(60)"
    )
    begun = time.monotonic()
    ended = python(program, log, timeout_seconds=3)
    assert ended.is_timed_out
    assert time.monotonic() - begun < 10
    assert not is_running(int(log.read_text()))


def test_a_child_that_ends_well_leaves_nothing_running_either(log: Path) -> None:
    program = (
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)"
    )
    assert python(program, log).exit_code == 0
    assert not is_running(int(log.read_text()))


def test_a_child_ended_by_a_signal_says_so(log: Path) -> None:
    assert python("import os; os.kill(os.getpid(), 9)", log).exit_code == -9


def test_a_log_that_cannot_be_written_does_not_stop_the_child(tmp_path: Path) -> None:
    log = tmp_path / "taken"
    log.mkdir()
    assert python("print('x' * 1_000_000)", log) == Ended(exit_code=0, is_timed_out=False, last_line="")


def is_running(pid: int) -> bool:
    give_up = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > give_up:
            return True
        time.sleep(0.05)
    return False
