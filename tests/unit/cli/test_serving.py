import socket

import pytest

from quikapp_ml.cli.serving import url_of


@pytest.mark.parametrize(
    ("bound", "named"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")]
)
def test_commands_find_the_service_at_an_address_that_admits_this_machine(bound: str, named: str) -> None:
    with socket.socket() as listener:
        listener.bind((bound, 0))
        assert url_of(listener) == f"http://{named}:{listener.getsockname()[1]}"
