"""The app under a real server: what only a socket shows."""

import http.client
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.errors import HomeInUse
from support.fake_service import FakeService
from support.server import Server


@pytest.fixture
def port(service: FakeService) -> Iterator[int]:
    with Server(create_app(service)).running() as port:
        yield port


def _exchange(port: int, *parts: bytes) -> bytes:
    """Send the parts, then read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


HEAD = b"POST /api/ml/spam-check HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"


@pytest.mark.parametrize("path", [b"/api/ml/spam-check", b"/nothing", b"/health"])
def test_ten_megabytes_get_a_clean_answer_even_when_the_connection_ends(port: int, path: bytes) -> None:
    head = HEAD.replace(b"/api/ml/spam-check", path)
    received = _exchange(port, head, b"content-length: 10000000\r\n\r\n", bytes(10_000_000))
    status = {b"/api/ml/spam-check": b"413", b"/nothing": b"404", b"/health": b"405"}[path]
    assert received.startswith(b"HTTP/1.1 " + status)
    assert received.endswith(b"}")


def test_a_kept_connection_goes_on_after_a_refused_body(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/api/ml/spam-check", body=bytes(10_000_000))
    refused = connection.getresponse()
    assert refused.status == 413
    assert b"body_too_large" in refused.read()
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_who_asks_before_sending_too_much_is_refused_at_once(port: int) -> None:
    received = _exchange(port, HEAD, b"content-length: 999999999\r\nexpect: 100-continue\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 413")


def test_who_asks_before_sending_enough_may_send(port: int) -> None:
    body = b'{"content":"hello","user_id":"u"}'
    received = _exchange(port, HEAD, b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(body), body)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_head_has_no_body(port: int) -> None:
    received = _exchange(port, b"HEAD /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(b"\r\n\r\n")


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(
    port: int, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(HEAD + b"content-length: 100\r\n\r\n{")
    end = time.monotonic() + 5
    gone = 'route="/api/ml/spam-check",status="499"} 1.0'
    while gone not in httpx.get(f"http://127.0.0.1:{port}/metrics").text:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_bytes_that_are_not_http_are_a_400(port: int) -> None:
    assert _exchange(port, b"\x00\x01\x02 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_service_that_does_not_start_ends_the_server_with_one_sentence(
    service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.start_failure = HomeInUse("home /x is in use by process 7")
    server = Server(create_app(service))
    with server.running():
        pass
    assert not server.started
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert errors[0].getMessage() == "The service does not start: home /x is in use by process 7"
    assert all(record.exc_info is None for record in errors)
