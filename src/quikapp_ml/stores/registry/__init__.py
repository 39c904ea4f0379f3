"""Registered models, chosen by MLflow's tracking URI."""

import os
from importlib import import_module
from pathlib import Path
from typing import cast
from urllib.parse import urlparse

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.registry.late import LateRegistry
from quikapp_ml.stores.registry.late_import import import_late

SCHEMES = ("databricks", "http", "https", "memory", "postgresql", "sqlite")
ALLOWED = "sqlite:///path, postgresql://…, http(s)://…, databricks or memory://"

# Set before MLflow is imported anywhere: it reports its use to its makers unless told not to, and tells of every step;
# where somebody has installed tqdm, it also draws bars into logs.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def open_registry(tracking_uri: str, experiment: str, artifact_root: Path) -> ModelRegistry:
    """The registry behind a tracking URI; it is opened, and MLflow imported, by the first call of a method.

    `experiment` is MLflow's tracking experiment; `artifact_root` is where a database of our own keeps files (a server
    has its own place). Raises InvalidInput on another scheme, and prints no URI: it may hold keys.
    """
    scheme, rest = _parts(tracking_uri)
    if scheme.partition("+")[0] not in SCHEMES or (scheme == "sqlite" and not rest):
        raise InvalidInput(f"an MLflow tracking URI must be {ALLOWED}; the one given has another form")
    if scheme == "memory":
        return cast(ModelRegistry, import_module("quikapp_ml.stores.registry.memory").MemoryRegistry())

    def open_now() -> ModelRegistry:
        backend = import_late("quikapp_ml.stores.registry.mlflow").MlflowRegistry
        return cast(ModelRegistry, backend(tracking_uri, experiment, artifact_root))

    return LateRegistry(open_now)


def _parts(uri: str) -> tuple[str, str]:
    """Scheme, and path without its first slash; empty where the URI cannot be read."""
    try:
        parsed = urlparse(uri)
    except ValueError:
        return "", ""
    return parsed.scheme or uri, parsed.path[1:]
