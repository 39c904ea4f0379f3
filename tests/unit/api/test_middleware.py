import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from quikapp_ml.api.errors import Refused
from quikapp_ml.api.middleware import BodyGuard, HotRoutes
from quikapp_ml.errors import NotFound
from support.fake_service import Client, FakeService

EVENTS = "/api/ml/events"


def test_a_request_has_an_id_that_the_answer_repeats(client: Client) -> None:
    first, second = client.get("/health"), client.get("/health")
    assert len(first.headers["x-request-id"]) == 32
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("given", ["a", "job:7-x", "A1._:-", "x" * 128])
def test_a_harmless_id_of_the_client_is_kept(client: Client, given: str) -> None:
    assert client.get("/health", headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "<script>", "é", "a\tb"])
def test_any_other_id_is_replaced(client: Client, given: str) -> None:
    headers = {"x-request-id": given.encode()}
    assert len(client.get("/health", headers=headers).headers["x-request-id"]) == 32


def test_answers_are_not_guessed_to_be_something_else(client: Client) -> None:
    assert client.get("/nothing").headers["x-content-type-options"] == "nosniff"


def test_head_is_a_get(client: Client) -> None:
    assert client.request("HEAD", "/health").status_code == 200
    assert client.request("HEAD", EVENTS).status_code == 405


def test_a_body_that_says_it_is_too_large_is_refused(small_client: Client) -> None:
    answer = small_client.post(EVENTS, content=b" " * 2_001)
    assert answer.status_code == 413
    [detail] = answer.json()["error"]["details"]
    assert (detail["given"], detail["allowed"]) == ("2001 bytes", "at most 2000 bytes")


def test_a_body_that_grows_too_large_is_refused(small_client: Client) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1_000

    answer = small_client.post(EVENTS, content=parts())
    assert answer.status_code == 413
    assert answer.json()["error"]["details"][0]["given"] == "more than 2000 bytes"


def test_a_body_of_just_the_limit_is_read(small_client: Client) -> None:
    body = b'{"events":[{}]}'
    assert small_client.post(EVENTS, content=body + b" " * (2_000 - len(body))).status_code == 202


def test_no_log_holds_a_body_or_a_path(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "quikapp_ml")
    client.post("/api/ml/spam-check", json={"content": "my password is xyzzy", "user_id": "someone"})
    client.post("/api/ml/spam-check", json={"content": "my password is xyzzy", "user_id": 5})
    client.get("/xyzzy/someone")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("quikapp_ml")]
    assert [line.split(" ")[:3] for line in lines] == [
        ["POST", "/api/ml/spam-check", "200"],
        ["POST", "/api/ml/spam-check", "422"],
        ["GET", "(other)", "404"],
    ]
    assert "xyzzy" not in "".join(lines)


class Exchange:
    """One request to the guard around an app that reads its body, at the level of ASGI."""

    def __init__(self, service: FakeService, headers: dict[bytes, bytes], body_seconds: float = 0.2) -> None:
        self.sent: list[Message] = []
        self.failure: Refused | None = None
        self._headers = headers
        self._guard = BodyGuard(self._app, body_seconds)
        self._service = service

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while (await receive()).get("more_body", False):
                pass
        except Refused as refused:
            self.failure = refused
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def run(self, receive: Receive) -> None:
        async def send(message: Message) -> None:
            self.sent.append(message)

        class App:
            class state:  # noqa: N801
                service = self._service

        scope: dict[str, Any] = {"type": "http", "app": App, "headers": list(self._headers.items())}
        asyncio.run(self._guard(scope, receive, send))


async def _never() -> Message:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")


def test_a_body_that_does_not_come_is_408_and_ends_the_connection(service: FakeService) -> None:
    exchange = Exchange(service, {b"content-length": b"10"})
    exchange.run(_never)
    assert exchange.failure is not None
    assert exchange.failure.status == 408
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_a_body_that_drips_is_408(service: FakeService) -> None:
    async def drip() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    exchange = Exchange(service, {b"content-length": b"1000"})
    exchange.run(drip)
    assert exchange.failure is not None
    assert exchange.failure.status == 408


def test_a_client_that_waits_for_leave_to_send_too_much_is_not_asked_to(service: FakeService) -> None:
    exchange = Exchange(service, {b"content-length": b"999999999", b"expect": b"100-continue"})
    exchange.run(_never)
    assert exchange.failure is not None
    assert exchange.failure.status == 413
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_the_rest_of_a_refused_body_is_read_before_the_answer(service: FakeService) -> None:
    parts = iter([True, True, False])
    read: list[int] = []

    async def receive() -> Message:
        read.append(len(read))
        return {"type": "http.request", "body": b"x" * 100, "more_body": next(parts)}

    exchange = Exchange(service, {b"content-length": b"999999999"})
    exchange.run(receive)
    assert len(read) == 3
    assert exchange.sent[0]["headers"] == []


def test_what_never_ends_is_not_read_to_its_end(service: FakeService) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(1_000_000), "more_body": True}

    exchange = Exchange(service, {b"transfer-encoding": b"chunked"}, body_seconds=30)
    exchange.run(receive)
    assert exchange.failure is not None
    assert exchange.failure.status == 413
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_hot_routes_tell_errors_by_the_handlers_and_leave_all_else_to_the_app() -> None:
    async def ask(request: Request) -> Response:
        raise NotFound(f"there is no {request.path_params['name']}")

    async def tell(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{request.url.path}: {error}", 404)

    async def answers(*asked: tuple[str, str]) -> list[httpx.Response]:
        app = HotRoutes(PlainTextResponse("from the app"), [Route("/{name}", ask, methods=["POST"])], {NotFound: tell})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return [await client.request(method, path) for method, path in asked]

    refused, *others = asyncio.run(answers(("POST", "/it"), ("GET", "/it"), ("POST", "/it/so")))

    assert (refused.status_code, refused.text) == (404, "/it: there is no it")
    assert [other.text for other in others] == ["from the app"] * 2
