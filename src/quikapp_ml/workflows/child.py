"""Runs a command to its end as a child process: its output kept, its time limited, nothing of it left behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

GRACE_SECONDS = 5.0
"""How long a child may take to end when it is asked to, before it is made to."""

_LOOK_SECONDS = 0.2
"""How soon a wish to stop is noticed."""

HEAD_BYTES = 1024 * 1024
TAIL_BYTES = 256 * 1024
_LAST_LINE_BYTES = 8 * 1024
_LAST_LINE_CHARACTERS = 500


@dataclass(frozen=True)
class Ended:
    """How a child ended. A negative exit code is the number of the signal that ended it."""

    exit_code: int
    is_timed_out: bool
    last_line: str
    """The last line that it wrote: for a Python traceback, the error."""


class Stopped(Exception):
    """Somebody has asked for the end, and the child was ended."""


def run_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    timeout_seconds: float | None = None,
    keep_open: tuple[int, ...] = (),
    stop: threading.Event | None = None,
) -> Ended:
    """Run the command in a process group of its own and wait for it; whatever interrupts the wait ends the group.

    Raises Stopped when `stop` is set before it has ended.

    Its standard input stays open until it has ended, so a child can tell by it that this process is gone. The file
    descriptors in `keep_open` are open in the child too. Output goes to `log`: the first MiB and the last 256 KiB.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(  # noqa: S603 the command is the runner's own
        command,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=keep_open,
    ) as child:
        assert child.stdout is not None  # noqa: S101 it is a pipe
        drain = threading.Thread(target=_drain, args=(child.stdout, log), name="task-output", daemon=True)
        drain.start()
        is_timed_out = False
        try:
            _wait(child, timeout_seconds, stop)
        except subprocess.TimeoutExpired:
            is_timed_out = True
        finally:
            _end_group(child)
            drain.join(GRACE_SECONDS)
    return Ended(child.returncode, is_timed_out, _last_line(log))


def _wait(child: subprocess.Popen[bytes], seconds: float | None, stop: threading.Event | None) -> None:
    """Wait as Popen does, and look now and then whether somebody wants it to stop."""
    give_up = None if seconds is None else time.monotonic() + seconds
    while child.poll() is None:
        if stop is not None and stop.is_set():
            raise Stopped
        left = _LOOK_SECONDS if give_up is None else min(_LOOK_SECONDS, give_up - time.monotonic())
        if left <= 0:
            raise subprocess.TimeoutExpired(child.args, seconds or 0)
        with suppress(subprocess.TimeoutExpired):
            child.wait(left)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, then end everything that it started, whether or not it ended well itself."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _drain(output: IO[bytes], log: Path) -> None:
    """Keep the beginning and the end of the output. A disk that takes no more must not stop the task."""
    left_out, tail = 0, b""
    with suppress(OSError, ValueError), log.open("wb", buffering=0) as kept:
        while chunk := os.read(output.fileno(), 65536):
            room = max(0, HEAD_BYTES - kept.tell())
            _write(kept, chunk[:room])
            tail += chunk[room:]
            left_out += max(0, len(tail) - TAIL_BYTES)
            tail = tail[-TAIL_BYTES:]
        if left_out:
            _write(kept, f"\n… {left_out} bytes are left out here …\n".encode())
        _write(kept, tail)
    with suppress(OSError, ValueError):  # closed, when something that escaped the group still holds its other end
        while os.read(output.fileno(), 65536):
            pass


def _write(file: BinaryIO, part: bytes) -> None:
    while part:
        part = part[file.write(part) :]


def _last_line(log: Path) -> str:
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LAST_LINE_BYTES))
        lines = stream.read().decode(errors="replace").split("\n")
        return next((line.strip()[:_LAST_LINE_CHARACTERS] for line in reversed(lines) if line.strip()), "")
    return ""
