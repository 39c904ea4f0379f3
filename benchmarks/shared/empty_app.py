"""A FastAPI app whose routes only give back bytes, in a process of its own: what HTTP alone costs."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response


@contextlib.contextmanager
def empty_app(answers: Mapping[str, bytes]) -> Iterator[str]:
    """The URL of an app that answers a POST to each path with the bytes (UTF-8) given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(port)], stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        json.dump({path: answer.decode() for path, answer in answers.items()}, process.stdin)
        process.stdin.close()
        while not _is_up(port):
            if process.poll() is not None:
                raise SystemExit("the empty app did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _is_up(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def main() -> None:
    """Serve what stdin has, path by path."""
    app = FastAPI()
    for path, answer in json.load(sys.stdin).items():
        app.post(path)(_route(answer.encode()))
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_config=None)


def _route(answer: bytes) -> Callable[[Request], Any]:
    async def route(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return route


if __name__ == "__main__":
    main()
