"""Control state by URL."""

from importlib import import_module

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.remote import import_optional
from quikapp_ml.stores.state.base import ControlState

SQLITE = "sqlite"
MEMORY = "memory"
POSTGRES = "postgresql"


def open_state(url: str) -> ControlState:
    """Open the control state: `sqlite:///path`, `postgresql://host/database`, or `memory://`, which is forgotten with
    the process. Raises InvalidInput on another scheme, and prints no URL: it may hold keys.
    """
    scheme = url.partition("://")[0]
    opened: ControlState
    if scheme == MEMORY:
        opened = import_module("quikapp_ml.stores.state.memory").MemoryControlState()
    elif scheme == SQLITE:
        engine = import_module("quikapp_ml.stores.state.sqlite_database").connect(url)
        opened = import_module("quikapp_ml.stores.state.sql").SqlControlState(engine)
    elif scheme == POSTGRES:
        module = import_optional("quikapp_ml.stores.state.postgres_database", "psycopg", "postgres")
        opened = import_module("quikapp_ml.stores.state.sql").SqlControlState(module.connect(url))
    else:
        allowed = sorted((MEMORY, SQLITE, POSTGRES))
        raise InvalidInput(f"state URL with scheme {scheme!r} is unknown; use one of {allowed}")
    return opened
