"""A FastAPI app whose routes only give back bytes: what HTTP alone costs."""

import contextlib
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response


@contextlib.contextmanager
def empty_app(answers: Mapping[str, bytes]) -> Iterator[str]:
    """The URL of an app that answers a POST to each path with the bytes given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(dict(answers), port), daemon=True)
    process.start()
    while process.is_alive():
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)
    else:
        raise SystemExit("the empty app did not start")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.join()


def _serve(answers: dict[str, bytes], port: int) -> None:
    app = FastAPI()
    for path, answer in answers.items():
        app.post(path)(_route(answer))
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_config=None)


def _route(answer: bytes) -> Callable[[Request], Any]:
    async def route(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return route
