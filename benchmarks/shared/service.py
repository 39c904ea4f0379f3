"""Our service as a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

SCRIPTS = Path(sys.executable).parent
START_SECONDS = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A service that is ready."""

    url: str
    pid: int

    def memory_mb(self) -> float:
        """What it holds in memory now (RSS)."""
        return self._status("VmRSS")

    def peak_memory_mb(self) -> float:
        """The most that it ever held."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))

    def cpu_seconds(self) -> float:
        """What it has computed so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Running]:
    """The service of a home, ready and at rest."""
    environment = {**os.environ, "QUIKAPP_ML_HOME": str(home), "PORT": "0", "QUIKAPP_ML_RUN_SCHEDULES": "0"}
    log = home / "serve.log"
    (home / "service.json").unlink(missing_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(SCRIPTS / "quikapp-ml"), "serve"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            running = Running(_url_of(home, process), process.pid)
            _rest(running)
            yield running
        except BaseException:
            print(log.read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait()


def _url_of(home: Path, process: "subprocess.Popen[bytes]") -> str:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, httpx.TransportError):
            url = str(json.loads((home / "service.json").read_text())["url"])
            if httpx.get(f"{url}/health/ready", timeout=5).status_code == 200:
                return url
        time.sleep(0.2)
    raise SystemExit("the service did not start")


def _rest(running: Running) -> None:
    """Until what it does after its start is done: models are registered in the background."""
    ends = time.monotonic() + START_SECONDS
    before = running.cpu_seconds()
    while time.monotonic() < ends:
        time.sleep(2.0)
        now = running.cpu_seconds()
        if now - before < 0.1:
            return
        before = now
