"""The user interface of MLflow beside this service: a process of its own, started by the first who looks.

It costs nothing until then, and ends when nobody has looked for a while.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from quikapp_ml.errors import FeatureDisabled, Unavailable

logger = logging.getLogger(__name__)

PREFIX = "/mlflow"
"""Where the interface is, on its own port and on the service's."""

_START_SECONDS = 60.0
_IDLE_SECONDS = 900.0
_LOOK_SECONDS = 5.0


class MlflowUi:
    """MLflow's own server over the tracking store of the service, on a port of this machine that only we ask."""

    def __init__(
        self, tracking_uri: str, home: Path, is_ready: Callable[[], bool] = lambda: True,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:  # fmt: skip
        self._tracking_uri = tracking_uri
        self._home = home
        self._is_ready = is_ready
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._asked_at = 0.0
        self._closing = threading.Event()

    @property
    def elsewhere(self) -> str:
        """URL of the interface when the tracking store is a server, which has one of its own; else empty."""
        return self._tracking_uri if self._tracking_uri.startswith(("http://", "https://")) else ""

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._child is not None and self._child.poll() is None

    def url(self) -> str:
        """Where the interface answers now; it is started when it is not there.

        Raises FeatureDisabled without the full MLflow, Unavailable when it does not begin to answer.
        """
        with self._lock:
            self._asked_at = time.monotonic()
            if not self.is_running:
                self._start()
            return self._url

    def close(self) -> None:
        """End the process."""
        self._closing.set()
        with self._lock:
            self._end()

    def _start(self) -> None:
        if find_spec("flask") is None or find_spec("graphene") is None:
            raise FeatureDisabled("the interface of MLflow is not installed here; pip install 'quikapp-ml[mlflow-ui]'")
        if not self._is_ready():  # two that make one database disturb each other
            raise Unavailable("the store of MLflow is being made; ask again in a moment")
        port = _free_port()
        log = self._home / "mlflow-ui.log"
        environment = {
            **os.environ,
            "MLFLOW_BACKEND_STORE_URI": self._tracking_uri,  # not an argument: others see those, and it may hold a key
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        arguments = [str(port), PREFIX, str(self._home / "mlartifacts")]
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 our own module
                [sys.executable, "-P", "-m", "quikapp_ml.serving.mlflow_ui_process", *arguments],
                env=environment, cwd=self._home, stdin=subprocess.PIPE, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self._url = f"http://127.0.0.1:{port}"
        self._wait_for_answer(log)
        threading.Thread(target=self._end_when_idle, args=(self._child,), name="mlflow-ui-idle", daemon=True).start()

    def _wait_for_answer(self, log: Path) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while self.is_running and time.monotonic() < give_up:
            with suppress(URLError, OSError), urlopen(f"{self._url}{PREFIX}/health", timeout=1):  # noqa: S310 our own child
                logger.info("the interface of MLflow answers at %s", self._url)
                return
            time.sleep(0.1)
        self._end()
        raise Unavailable(f"the interface of MLflow did not begin to answer; its log is {log}")

    def _end_when_idle(self, child: subprocess.Popen[bytes]) -> None:
        while not self._closing.wait(min(_LOOK_SECONDS, self._idle_seconds)):
            with self._lock:
                if self._child is not child:
                    return
                if time.monotonic() - self._asked_at > self._idle_seconds:
                    logger.info("nobody looks at the interface of MLflow: it ends")
                    self._end()
                    return

    def _end(self) -> None:
        if self._child is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_LOOK_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        if self._child.stdin:
            self._child.stdin.close()
        self._child = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
