import socket
import threading
import time
from pathlib import Path

import pytest

from quikapp_ml.api.app import create_app
from quikapp_ml.cli.serving import server_of, url_of, warn_of_strangers
from quikapp_ml.settings import Settings
from support.fake_service import FakeService


@pytest.mark.parametrize(
    ("bound", "named"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")]
)
def test_commands_find_the_service_at_an_address_that_admits_this_machine(bound: str, named: str) -> None:
    with socket.socket() as listener:
        listener.bind((bound, 0))
        assert url_of(listener) == f"http://{named}:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("bound", "trusts", "warns"),
    [("127.0.0.1", "true", False), ("0.0.0.0", "true", True), ("0.0.0.0", "false", False)],
)
def test_who_opens_the_service_to_others_is_told_who_is_trusted(
    bound: str, trusts: str, warns: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"QUIKAPP_ML_HOME": str(tmp_path), "QUIKAPP_ML_TRUST_LOOPBACK": trusts}
    with socket.socket() as listener:
        listener.bind((bound, 0))
        warn_of_strangers(Settings.from_environment(given), listener)
    assert ("QUIKAPP_ML_TRUST_LOOPBACK=false" in capsys.readouterr().err.replace("\n", "")) == warns


def test_a_body_that_does_not_end_holds_the_end_up_for_a_moment_only(tmp_path: Path) -> None:
    server = server_of(create_app(FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))), 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(
                b"POST /api/ml/spam-check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            time.sleep(0.2)
            asked_at = time.monotonic()
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()
            assert time.monotonic() - asked_at < 10
            answer = client.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"unavailable"' in answer
