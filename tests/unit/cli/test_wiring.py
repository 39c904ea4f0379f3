import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quikapp_ml.cli.wiring import wiring
from quikapp_ml.settings import Settings


def _by_thing(settings: Settings) -> dict[str, tuple[bool, str, str]]:
    return {wire.thing: (wire.answers, wire.url, wire.detail) for wire in wiring(settings)}


def test_an_embedded_home_answers_everywhere(tmp_path: Path) -> None:
    found = _by_thing(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path / "home")}))

    assert all(answers for answers, _, _ in found.values()), found
    assert found["compute"][1:] == ("Sail, in process", "SELECT 1 + 1 is 2")
    assert found["service"][2].startswith("not running")
    assert "Databricks workspace" not in found


def test_a_url_that_nobody_serves_is_told_without_its_password(tmp_path: Path) -> None:
    given = {
        "QUIKAPP_ML_HOME": str(tmp_path / "home"),
        "QUIKAPP_ML_STATE_URL": "postgresql://me:secret@db/state",
        "QUIKAPP_ML_ONLINE_STORE_URL": "redis://:secret@cache:6379",
    }

    found = _by_thing(Settings.from_environment(given))

    assert found["control state"][:2] == (False, "postgresql://…@db/state")
    assert found["online features"][0] is False
    assert "secret" not in str(found)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=hold, daemon=True).start()
        yield server.getsockname()[1]
        for connection in held:
            connection.close()


def test_a_workspace_that_hangs_is_told_and_does_not_hang_the_doctor(tmp_path: Path, silent_port: int) -> None:
    given = {"QUIKAPP_ML_HOME": str(tmp_path / "home"), "DATABRICKS_HOST": f"http://127.0.0.1:{silent_port}"}

    found = _by_thing(Settings.from_environment(given))

    assert found["Databricks workspace"][0] is False
    assert "timed out" in found["Databricks workspace"][2]


def test_a_home_that_cannot_be_written_is_told_beside_all_the_rest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    found = _by_thing(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path / "file" / "home")}))

    assert [found[thing][0] for thing in ("home", "service", "online features", "control state")] == [False] * 4
    assert found["compute"][0] is True
