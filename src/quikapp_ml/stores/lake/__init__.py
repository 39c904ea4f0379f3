"""Tables: where they live and what computes over them, chosen by URL."""

from importlib import import_module
from typing import cast
from urllib.parse import urlparse

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.base import Compute, Lake

BACKENDS = {
    "": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "file": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "s3": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "gs": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "az": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "abfss": "quikapp_ml.stores.lake.deltars:DeltaLake",
    "memory": "quikapp_ml.stores.lake.memory:MemoryLake",
}
"""Scheme → class, imported when it is used."""

ALLOWED = (
    "a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, "
    "abfss://container@account.dfs.core.windows.net/prefix or memory://"
)


def open_lake(url: str) -> Lake:
    """The lake behind a folder or URL. Raises InvalidInput on another scheme, and prints no URL: it may hold keys."""
    if not url:
        raise InvalidInput(f"the lake's URL is empty; use {ALLOWED}")
    try:
        scheme = urlparse(url).scheme.lower()
    except ValueError:  # it may quote the URL
        raise InvalidInput(f"the lake's URL cannot be read; use {ALLOWED}") from None
    if scheme not in BACKENDS:
        raise InvalidInput(f"a lake URL of the unknown scheme {scheme}://; use {ALLOWED}")
    module, _, name = BACKENDS[scheme].partition(":")
    backend = getattr(import_module(module), name)
    return cast(Lake, backend() if scheme == "memory" else backend(url))


def open_compute(remote: str = "") -> Compute:
    """The engine behind a Spark Connect URL; Sail, in this process, when it is empty."""
    if remote and not remote.startswith("sc://"):
        raise InvalidInput("a Spark Connect URL must be sc://host:port; leave it empty for the engine in this process")
    return cast(Compute, import_module("quikapp_ml.stores.lake.spark").SparkCompute(remote))
