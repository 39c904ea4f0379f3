"""Serving endpoints over a registry in memory with versions whose answers are known."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from quikapp_ml.bootstrap import starter_folders
from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.invocation_log import InvocationLog
from quikapp_ml.serving.invocations import Invocation, Scored
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.payload_log import PayloadLog
from quikapp_ml.stores.registry.base import ModelVersion, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.spool.memory import MemorySpool
from quikapp_ml.stores.state.endpoints import AutoCapture, EndpointRecord, EndpointRecords
from quikapp_ml.stores.state.memory_endpoints import MemoryEndpointRecords
from support.toy_model import Threshold

RECORD = {"value": 0.5}
"""Version n of `threshold` says yes above n / 10."""


class StarterModels:
    """A model host of the models that come with the package."""

    def get(self, name: str) -> Loaded:
        folder = starter_folders()[name]
        return Loaded(MODEL_CLASSES[name].load(folder), ModelRef(name, "1.0.0"), None, "champion")

    def loaded(self) -> list[Loaded]:
        return [self.get(name) for name in MODEL_CLASSES]


class Setup:
    """A host and all that it stands on."""

    def __init__(self, folder: Path, records: EndpointRecords | None = None) -> None:
        self.folder = folder
        self.registry = MemoryRegistry()
        for number in range(1, 10):
            self.register(number / 10)
        self.spool = MemorySpool()
        self.records = records or MemoryEndpointRecords()
        self.host = self.open()

    def open(self) -> EndpointHost:
        """Another host over the same state, as after a restart."""
        self.decisions = MemorySpool()
        log = InvocationLog(PayloadLog(self.spool, b"key"), DecisionLedger(self.decisions, b"key"))
        return EndpointHost(self.records, self.registry, cast(Any, StarterModels()), log, self.folder / "cache")

    def register(self, threshold: float, model_class: str = "support.toy_model:Threshold") -> ModelVersion:
        saved = self.folder / f"saved-{time.monotonic_ns()}"
        Threshold(threshold).save(saved)
        (saved / "card.md").write_text("# threshold\n")
        return self.registry.register(NewVersion("threshold", saved, model_class, "1.0.0"))

    def create(self, name: str, *versions: int, **more: Any) -> EndpointRecord:
        self.host.create(name, config(*versions, **more), "ann", {}, "")
        return self.settled(name)

    def settled(self, name: str, host: EndpointHost | None = None) -> EndpointRecord:
        """The endpoint when no change of it is under way any more."""
        host = host or self.host
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            record = host.get(name)
            if record.pending is None or record.failure:
                return record
            time.sleep(0.005)
        raise AssertionError(f"{name} is still being changed")

    def ask(self, name: str, body: Mapping[str, Any] | None = None, **more: Any) -> tuple[Scored, str]:
        return asyncio.run(self.ask_in_loop(name, body, **more))

    async def ask_in_loop(
        self, name: str, body: Mapping[str, Any] | None = None, entity: str = "", host: EndpointHost | None = None
    ) -> tuple[Scored, str]:
        content = json.dumps(body or {"dataframe_records": [RECORD]}).encode()
        return await (host or self.host).invoke(name, Invocation.read(content, "application/json"), "r-1", entity)


def config(
    *versions: int, shares: Sequence[int] = (), scales_to_zero: bool = False, capture: AutoCapture | None = None
) -> WantedConfig:
    """Versions of `threshold`, named v1, v2 …, with their shares of the traffic."""
    entities = [WantedEntity("threshold", number, f"v{number}", scales_to_zero) for number in versions]
    traffic = {f"v{number}": share for number, share in zip(versions, shares, strict=True)} if shares else None
    return WantedConfig(entities, traffic, capture)
