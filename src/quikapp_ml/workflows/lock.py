"""One run of a job at a time: a lock that the operating system gives back, however a process ends."""

import fcntl
import json
import os
import time
from pathlib import Path

from quikapp_ml.errors import Conflict

_ORPHAN_SECONDS = 10.0
"""How long the tasks of a runner that was killed may take to notice it and end."""


class JobLock:
    """An flock on a file that says who has it.

    Tasks inherit the descriptor: the lock is free only when the runner and everything that it started are gone.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.descriptor = -1

    def acquire(self) -> None:
        """Take the lock. Raises Conflict, naming the run that has it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self.descriptor = descriptor
        self.note(None)

    def note(self, run_id: int | None) -> None:
        """Say which run has the lock, for those who are refused."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), "run_id": run_id}).encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        os.ftruncate(self.descriptor, 0)
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)
        self.descriptor = -1

    def _wait_for(self, descriptor: int) -> None:
        """Refuse at once while the owner lives; what a dead owner has left behind is about to end."""
        give_up = time.monotonic() + _ORPHAN_SECONDS
        while not _try_lock(descriptor):
            pid, run_id = _owner(descriptor)
            if _is_alive(pid) or time.monotonic() > give_up:
                what = f"run {run_id}" if run_id else "a run that is just starting"
                raise Conflict(f"{self._file.stem} is running already: {what} (process {pid}); wait for it to end")
            time.sleep(0.05)


def run_under_way(file: Path) -> tuple[int, int | None]:
    """Process and run that the lock's file names; process 0 when it names none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0, None
    try:
        return _owner(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(descriptor: int) -> tuple[int, int | None]:
    """Process and run as noted; process 0 when the owner has only just taken the lock."""
    try:
        noted = json.loads(os.pread(descriptor, 1024, 0))
        return int(noted["pid"]), noted["run_id"]
    except (ValueError, KeyError, TypeError):
        return 0, None


def _is_alive(pid: int) -> bool:
    if pid == 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
