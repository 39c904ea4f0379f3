"""Control state by URL."""

from importlib import import_module

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.state.base import ControlState

SQLITE = "sqlite"
MEMORY = "memory"


def open_state(url: str) -> ControlState:
    """Open the control state: `sqlite:///path`, or `memory://` which is forgotten with the process."""
    scheme = url.partition("://")[0]
    opened: ControlState
    if scheme == SQLITE:
        opened = import_module("quikapp_ml.stores.state.sql").SqlControlState(url)
    elif scheme == MEMORY:
        opened = import_module("quikapp_ml.stores.state.memory").MemoryControlState()
    else:
        raise InvalidInput(f"state URL with scheme {scheme!r} is unknown; use one of {sorted((MEMORY, SQLITE))}")
    return opened
