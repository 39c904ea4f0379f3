"""An app with serving endpoints, and callers with tokens, in this process."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from quikapp_ml.serving.access import ALL_APIS, create_token
from support.endpoints import Setup
from support.fake_service import Client, FakeService


@dataclass
class Workspace:
    """An app with serving endpoints, and callers with tokens."""

    service: FakeService
    client: Client
    setup: Setup
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, owner: str, *scopes: str) -> str:
        if owner not in self.tokens:
            scopes = scopes or (ALL_APIS,)
            self.tokens[owner] = create_token(self.service.state.tokens, owner, scopes, timedelta(days=1))[0]
        return self.tokens[owner]

    def request(self, method: str, path: str, owner: str = "admin", **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token(owner)}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def request_from(self, address: str, method: str, path: str, **more: Any) -> httpx.Response:
        """A request without a token of its own, over a connection from that address."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.client.app, client=(address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **more)

        return self.client.run(ask())

    def get(self, path: str, owner: str = "admin") -> httpx.Response:
        return self.request("GET", path, owner)

    def made(self, name: str, *versions: int, owner: str = "admin", **more: Any) -> dict[str, Any]:
        """Create an endpoint, wait for it, and return how it is described."""
        created = self.request("POST", ENDPOINTS, owner, json={"name": name, "config": config(name, *versions), **more})
        assert created.status_code == 200, created.text
        self.setup.settled(name)
        body: dict[str, Any] = self.get(f"{ENDPOINTS}/{name}", owner).json()
        return body


ENDPOINTS = "/api/2.0/serving-endpoints"


def config(name: str, *versions: int) -> dict[str, Any]:
    entities = [{"name": f"v{n}", "entity_name": "threshold", "entity_version": str(n)} for n in versions]
    share = 100 // max(1, len(versions))
    routes = [{"served_entity_name": f"v{n}", "traffic_percentage": share} for n in versions]
    return {"name": name, "served_entities": entities, "traffic_config": {"routes": routes}}
