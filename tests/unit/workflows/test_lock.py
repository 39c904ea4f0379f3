import os
import re
from pathlib import Path

import pytest

from quikapp_ml.errors import Conflict
from quikapp_ml.workflows.lock import JobLock


def test_the_second_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    first, second = JobLock(tmp_path / "nightly.lock"), JobLock(tmp_path / "nightly.lock")
    first.acquire()
    first.note(12)
    expected = re.escape(f"nightly is running already: run 12 (process {os.getpid()})")
    with pytest.raises(Conflict, match=expected):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_jobs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    locks = [JobLock(tmp_path / f"{name}.lock") for name in ("nightly", "hourly")]
    for lock in locks:
        lock.acquire()
    for lock in locks:
        lock.release()


def test_a_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = JobLock(tmp_path / "deep" / "nightly.lock")
    for run_id in (1, 2):
        lock.acquire()
        lock.note(run_id)
        lock.release()
    assert (tmp_path / "deep" / "nightly.lock").read_bytes() == b""
