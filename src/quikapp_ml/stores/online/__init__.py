"""Online state, chosen by URL."""

from importlib import import_module
from pathlib import Path
from typing import cast

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.remote import import_optional

ALLOWED = "sqlite:///path, redis://host, rediss://host, postgresql://host/database or memory://"


def open_online_store(url: str) -> OnlineStore:
    """The online store behind a URL. Raises InvalidInput on another scheme, and prints no URL: it may hold keys."""
    scheme, separator, rest = url.partition("://")
    if scheme == "memory" and separator:
        return cast(OnlineStore, import_module("quikapp_ml.stores.online.memory").MemoryOnlineStore())
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return cast(OnlineStore, import_module("quikapp_ml.stores.online.sqlite").SQLiteOnlineStore(Path(rest[1:])))
    if scheme in {"redis", "rediss"} and separator:
        module = import_optional("quikapp_ml.stores.online.redis", "redis", "redis")
        return cast(OnlineStore, module.RedisOnlineStore(url))
    if scheme == "postgresql" and separator:
        module = import_optional("quikapp_ml.stores.online.postgres", "psycopg", "postgres")
        return cast(OnlineStore, module.PostgresOnlineStore(url))
    raise InvalidInput(f"an online store URL must be {ALLOWED}; the one given has another form")
