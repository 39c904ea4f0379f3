"""The only way to MLflow's code while the service runs: one thread at a time."""

from importlib import import_module
from threading import RLock
from types import ModuleType

_ONE_AT_A_TIME = RLock()


def import_late(module: str) -> ModuleType:
    """Import a module that imports MLflow.

    MLflow's modules import each other in circles. Of two threads among them, Python lets one see modules that are only
    half there, rather than let both wait for ever; and what failed then fails for the life of the process.
    """
    with _ONE_AT_A_TIME:
        return import_module(module)
