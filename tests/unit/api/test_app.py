import asyncio
import re
from typing import Any

import pytest

from quikapp_ml.api.app import build_app, create_app
from quikapp_ml.errors import HomeInUse
from support.fake_service import Client, FakeService


def test_nothing_is_opened_before_the_app_starts() -> None:
    def open_service() -> Any:
        raise AssertionError("opened at import")

    build_app(open_service)


def test_the_service_lives_as_long_as_the_app(service: FakeService) -> None:
    app = create_app(service)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            assert service.life == ["start"]

    asyncio.run(live())
    assert service.life == ["start", "close"]


def _startup_messages(app: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(HomeInUse):
        asyncio.run(app({"type": "lifespan", "state": {}}, receive, send))
    return sent


def test_a_service_that_cannot_start_says_why_in_one_sentence_and_is_closed(service: FakeService) -> None:
    service.start_failure = HomeInUse("home /x is in use by process 7")
    expected = {
        "type": "lifespan.startup.failed",
        "message": "The service does not start: home /x is in use by process 7",
    }
    assert _startup_messages(create_app(service)) == [expected]
    assert service.life == ["start", "close"]


def test_a_service_that_cannot_be_opened_says_why() -> None:
    def open_service() -> Any:
        raise HomeInUse("home /x is in use by process 7")

    [message] = _startup_messages(build_app(open_service))
    assert message["message"] == "The service does not start: home /x is in use by process 7"


def test_the_documentation_needs_no_other_host(client: Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r"""(?:src|href|url)[=:]\s*["']([^"']+)["']""", page.text)
    assert len(addresses) == 4
    for address in addresses:
        assert address.startswith("/")
        found = client.get(address)
        assert found.status_code == 200
        assert len(found.content) > 1_000
