"""The service as a user runs it: its own command, its own port, a home of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("quikapp-ml")

_OF_THE_MACHINE = ("PATH", "LANG", "OPENBLAS", "PIP_", "UV_", "SSL_", "REQUESTS_CA_BUNDLE")
"""Variables that a user of this machine has: where programs are, how packages come, how numbers are computed."""


@dataclass
class Running:
    """One running service and the commands that go with its home."""

    home: Path
    process: subprocess.Popen[str]
    url: str = ""
    ready_seconds: float = 0.0
    log: Path = field(default_factory=Path)

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Ask, expect success, and return the answer."""
        answer = httpx.post(f"{self.url}{path}", json=body, timeout=30)
        assert answer.status_code in (200, 202), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str) -> httpx.Response:
        """Ask and return whatever comes."""
        return httpx.get(f"{self.url}{path}", timeout=30)

    def stop(self) -> None:
        """End the service as an operator does, and expect a clean end."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) in (0, -signal.SIGTERM), self.log.read_text()


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's environment: nothing of this test run, and a home folder that must stay empty."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_MACHINE)}
    user_home = home.parent / "user"
    user_home.mkdir(exist_ok=True)
    return {**kept, "HOME": str(user_home), "QUIKAPP_ML_HOME": str(home), "PORT": "0", **more}


def quikapp_ml(home: Path, *arguments: str, timeout: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the CLI to its end."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        env=environment(home, **more),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(home: Path, *arguments: str, **more: str) -> Running:
    """Start the service and wait until it answers."""
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}.log"
    began = time.monotonic()
    with log.open("a") as output:
        process = subprocess.Popen(
            [str(COMMAND), *arguments],
            env=environment(home, **more),
            cwd=home.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Running(home, process, log=log)
    while time.monotonic() < began + 180:
        assert process.poll() is None, log.read_text()
        running.url = _url_of(home, process.pid)
        if running.url and _is_ready(running.url):
            running.ready_seconds = time.monotonic() - began
            return running
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"not ready in 180 seconds:\n{log.read_text()}")


def _url_of(home: Path, pid: int) -> str:
    try:
        found = json.loads((home / "service.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return ""
    return str(found["url"]) if found["pid"] == pid else ""


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
