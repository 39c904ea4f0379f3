"""An app under a real server, in a thread of the test process."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """Serves on a free port while `running`."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False))

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        """From the start to the end of the app; gives the port."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=self._run_quietly, args=(listener,))
            thread.start()
            while not self.started and thread.is_alive():
                time.sleep(0.01)
            yield listener.getsockname()[1]
            self.should_exit = True
            thread.join()

    def _run_quietly(self, listener: socket.socket) -> None:
        with contextlib.suppress(SystemExit):  # how it ends when the app does not start
            self.run(sockets=[listener])
