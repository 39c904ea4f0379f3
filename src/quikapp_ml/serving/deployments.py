"""What an endpoint serves now, in memory: loaded versions, how they are loaded and let go, and who gets which."""

import asyncio
import hashlib
import logging
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from quikapp_ml.errors import NotFound, QuikAppMLError, Unavailable
from quikapp_ml.serving.endpoint_telemetry import EntityTelemetry
from quikapp_ml.serving.served_model import ServedModel, unmet_requirements
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.endpoints import EndpointConfig, ServedEntity

logger = logging.getLogger(__name__)

CONCURRENCY = {"Small": 4, "Medium": 16, "Large": 64}
"""Requests at once that Databricks provisions for a workload size."""

_LOG_LINES = 1_000
_SHARE_STEPS = 10_000


class EntityLog:
    """The newest lines that a served entity has to say, of its making and of its work."""

    def __init__(self) -> None:
        self._build: deque[str] = deque(maxlen=_LOG_LINES)
        self._service: deque[str] = deque(maxlen=_LOG_LINES)

    def build(self, text: str) -> None:
        """Note a step of its making."""
        self._build.append(_stamped(text))

    def service(self, text: str) -> None:
        """Note what happened while it answered."""
        self._service.append(_stamped(text))

    @property
    def build_text(self) -> str:
        """All lines of its making."""
        return "\n".join(self._build)

    @property
    def service_text(self) -> str:
        """All lines of its work."""
        return "\n".join(self._service)


class Served:
    """One served entity. It is loaded by the first request, or before; a request that finds it loading waits."""

    def __init__(self, entity: ServedEntity, artefacts: "Artefacts", executor: Executor) -> None:
        self.entity = entity
        self.log = EntityLog()
        self.telemetry = EntityTelemetry(time.time)
        self.failure = ""
        self._artefacts = artefacts
        self._executor = executor
        self._model: ServedModel | None = None
        self._loading: Future[ServedModel] | None = None
        self._lock = Lock()
        self._used_at = time.monotonic()

    @property
    def is_loaded(self) -> bool:
        """Whether it answers without waiting."""
        return self._model is not None

    @property
    def is_loading(self) -> bool:
        """Whether somebody waits for it."""
        loading = self._loading
        return loading is not None and not loading.done()

    @property
    def inputs(self) -> Mapping[str, str] | None:
        """Columns that it reads, when it is loaded and says so."""
        return None if self._model is None else self._model.inputs

    @property
    def concurrency(self) -> int:
        """Requests at once that it is provisioned for; 0 while scaled to zero."""
        given = self.entity.sizing
        size = given.get("max_provisioned_concurrency") or CONCURRENCY.get(str(given.get("workload_size", "Small")), 4)
        return int(size) if self.is_loaded else 0

    async def model(self) -> ServedModel:
        """The loaded version; loads it when it is not. Raises what `load` raises."""
        self._used_at = time.monotonic()
        if self._model is not None:
            return self._model
        return await asyncio.shield(asyncio.wrap_future(self.start_loading()))

    def start_loading(self) -> "Future[ServedModel]":
        """Begin to load it, unless somebody else has."""
        with self._lock:
            if self._loading is None:
                self._loading = self._executor.submit(self._load)
            return self._loading

    def scale_to_zero(self, idle_seconds: float) -> bool:
        """Let the version go when nobody has asked for it for so long; who is being answered keeps it."""
        with self._lock:
            is_idle = self.entity.scales_to_zero and time.monotonic() - self._used_at >= idle_seconds
            if not is_idle or self._model is None:
                return False
            self._model = self._loading = None
        self.log.service(f"scaled to zero after {idle_seconds:g} s without a request")
        return True

    def _load(self) -> ServedModel:
        try:
            model = self._artefacts.load(self.entity, self.log)
        except Exception as error:
            self.failure = str(error) or repr(error)
            self.log.build(f"failed: {self.failure}")
            with self._lock:
                self._loading = None  # the next request tries again
            if isinstance(error, QuikAppMLError):
                raise
            # A model of others may fail in any way.
            raise Unavailable(f"{self.entity.name} could not be loaded: {error!r}", 30) from error
        self.failure = ""
        self._used_at = time.monotonic()
        self._model = model
        return model


class Artefacts:
    """Fetched artefacts, a folder each, and the models in them."""

    def __init__(self, registry: ModelRegistry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._fetching = Lock()

    def load(self, entity: ServedEntity, log: EntityLog) -> ServedModel:
        """Fetch the version unless it is here, and load it. Raises NotFound, Damaged and whatever its code raises."""
        started = time.perf_counter()
        log.build(f"model {entity.model}, version {entity.version}")
        with self._fetching:
            place = self._place(entity.model, entity.version)
            if not place.exists():
                log.build("fetching its artefact from the registry")
                self._registry.fetch_artefact(entity.model, entity.version, place)
        for problem in unmet_requirements(place):
            log.build(f"package mismatch: {problem}")
        try:
            model = ServedModel.load(place)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        kind = "by its class" if model.is_ours else "by MLflow"
        log.build(f"loaded {kind} in {time.perf_counter() - started:.2f} s")
        return model

    def keep_only(self, wanted: set[tuple[str, int]]) -> None:
        """Forget the artefacts of all versions but these."""
        if not self._folder.is_dir():
            return
        with self._fetching:
            kept = {self._name(model, number) for model, number in wanted}
            for folder in self._folder.iterdir():
                if folder.name.rpartition("-")[0] not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    def _place(self, model: str, number: int) -> Path:
        for version in self._registry.versions(model):
            if version.number == number:
                # The number alone is not enough: a new registry begins with 1 again.
                made = int(version.created_at.timestamp() * 1000)
                return self._folder / f"{self._name(model, number)}-{made}"
        raise NotFound(f"registered model {model!r} has no version {number}")

    def _name(self, model: str, number: int) -> str:
        return f"{hashlib.sha256(model.encode()).hexdigest()[:16]}-{number}"


class Deployment:
    """A configuration at work. Another configuration is another deployment; who has got this one finishes with it."""

    def __init__(self, endpoint: str, config: EndpointConfig, make: Callable[[ServedEntity], Served]) -> None:
        self.config = config
        self.served: Mapping[str, Served] = {entity.name: make(entity) for entity in config.entities}
        self._endpoint = endpoint
        bounds, total = [], 0
        for name, percent in config.shares.items():
            total += percent
            if percent:
                bounds.append((total * _SHARE_STEPS // 100, self.served[name]))
        self._bounds = tuple(bounds)

    def choose(self, unit_of: Callable[[], str]) -> Served:
        """The entity that answers: by the hash of the unit, or by lot when it is empty."""
        if len(self._bounds) == 1:
            return self._bounds[0][1]
        unit = unit_of()
        step = self._step(unit) if unit else secrets.randbelow(_SHARE_STEPS)
        return next(served for bound, served in self._bounds if step < bound)

    def take_over(self) -> None:
        """Describe entities that were served before as this configuration does."""
        for entity in self.config.entities:
            self.served[entity.name].entity = entity

    def named(self, name: str) -> Served:
        """The entity of that name. Raises NotFound."""
        if name not in self.served:
            known = ", ".join(sorted(self.served))
            raise NotFound(f"serving endpoint {self._endpoint!r} has no served entity {name!r}; it has {known}")
        return self.served[name]

    def _step(self, unit: str) -> int:
        digest = hashlib.sha256(f"{self._endpoint}\0{unit}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % _SHARE_STEPS


def _stamped(text: str) -> str:
    return f"[{datetime.now(UTC):%Y-%m-%d %H:%M:%S}] {text}"
