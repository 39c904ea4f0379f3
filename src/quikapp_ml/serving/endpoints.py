"""Serving endpoints at work: created, changed, asked, scaled to zero.

The control state says what is wanted; what is in memory follows it. A change is one transaction, and the swap to a new
configuration is one assignment when all of it is loaded, so that no request is dropped and a crash leaves the change
done or not begun.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, QuikAppMLError, Unavailable
from quikapp_ml.serving.built_in_endpoints import MAX_RECORDS, BuiltIn
from quikapp_ml.serving.decisions import asked_through
from quikapp_ml.serving.deployments import Artefacts, Deployment, Served
from quikapp_ml.serving.endpoint_changes import WantedConfig, check_endpoint_name, checked_config
from quikapp_ml.serving.endpoint_telemetry import EntityTelemetry, ProcessLoad, exposition
from quikapp_ml.serving.invocation_log import InvocationLog
from quikapp_ml.serving.invocations import Invocation, Record, Scored, encode, predictions
from quikapp_ml.serving.loading import Loaded, ModelHost
from quikapp_ml.serving.payload_log import Answered
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.endpoints import EndpointConfig, EndpointRecord, EndpointRecords, ServedEntity

logger = logging.getLogger(__name__)

IDLE_SECONDS = 30 * 60.0
"""An entity that may scale to zero does so after this time without a request, as on Databricks."""

SWEEP_SECONDS = 5.0
LOADERS = 2
_ATTEMPTS = 20
_USERS = "group:users"


class EndpointHost:
    """All endpoints of this service. Changes are made in any thread but the event loop's, which answers requests.

    `is_complete` says whether the registry has all models that come with the service.
    """

    def __init__(
        self,
        records: EndpointRecords,
        registry: ModelRegistry,
        models: ModelHost,
        log: InvocationLog,
        cache: Path,
        is_complete: Callable[[], bool] = lambda: True,
    ) -> None:
        self._records = records
        self._registry = registry
        self._models = models
        self._log = log
        self._artefacts = Artefacts(registry, cache)
        self._is_complete = is_complete
        self._executor = ThreadPoolExecutor(LOADERS, thread_name_prefix="endpoint-loader")
        self._built_in: dict[str, BuiltIn] = {}
        self._built_in_telemetry: dict[str, EntityTelemetry] = {}
        self._known: dict[str, EndpointRecord] = {}
        self._active: dict[str, Deployment] = {}
        self._pending: dict[str, Deployment] = {}
        self._steering = threading.RLock()
        self._load = ProcessLoad()
        self._closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="endpoint-sweeper", daemon=True)

    # --- life

    def start(self, built_in: Sequence[BuiltIn], owner: str) -> None:
        """Take up what was being served, and what was being changed, when this home was last open."""
        self._built_in = {each.name: each for each in built_in}
        self._built_in_telemetry = {name: EntityTelemetry(time.time) for name in self._built_in}
        for each in built_in:
            self._remember_built_in(each, owner)
        for record in self._records.all():
            self._known[record.name] = record
            if record.active is not None:
                self._active[record.name] = self._deployment(record.name, record.active)
                for served in self._active[record.name].served.values():
                    if not served.entity.scales_to_zero:
                        served.start_loading()
            if record.pending is not None and not record.failure:
                self._begin(record, record.pending)
        self._sweeper.start()

    def close(self) -> None:
        """Stop loading; changes that are not done are taken up by the next start."""
        self._closing.set()
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._sweeper.is_alive():
            self._sweeper.join(SWEEP_SECONDS)

    # --- looking

    def get(self, name: str) -> EndpointRecord:
        """One endpoint as it is wanted. Raises NotFound."""
        return self._records.get(name)

    def known(self, name: str) -> EndpointRecord:
        """One endpoint as this process last saw it: changes are made by this process alone. Raises NotFound."""
        return self._known.get(name) or self._records.get(name)

    def all(self) -> list[EndpointRecord]:
        """All endpoints in the order of their names."""
        return self._records.all()

    def by_id(self, endpoint_id: str) -> EndpointRecord:
        """The endpoint of that id. Raises NotFound."""
        for record in self._records.all():
            if record.endpoint_id == endpoint_id:
                return record
        raise NotFound(f"there is no serving endpoint with id {endpoint_id!r}")

    def built_in(self, name: str) -> tuple[BuiltIn, Loaded | None] | None:
        """The built-in endpoint of that name and the model it answers with now; None for others."""
        built_in = self._built_in.get(name)
        if built_in is None:
            return None
        return built_in, next((each for each in self._models.loaded() if each.ref.name == built_in.model), None)

    def served(self, name: str, entity: str) -> Served | None:
        """The entity at work or being made, if it is in memory."""
        for deployments in (self._pending, self._active):
            deployment = deployments.get(name)
            if deployment is not None and entity in deployment.served:
                return deployment.served[entity]
        return None

    def metrics(self, name: str) -> str:
        """The endpoint's numbers in Prometheus' text form. Raises NotFound."""
        found = self.built_in(name)
        if found is not None:
            model = found[0].model
            return exposition(name, {model: self._built_in_telemetry[name]}, {model: 4}, self._load)
        self._records.get(name)
        deployment = self._active.get(name)
        served = {} if deployment is None else deployment.served
        telemetry = {entity: each.telemetry for entity, each in served.items()}
        return exposition(name, telemetry, {entity: each.concurrency for entity, each in served.items()}, self._load)

    # --- changing

    def create(
        self, name: str, wanted: WantedConfig | None, creator: str, tags: Mapping[str, str], description: str
    ) -> EndpointRecord:
        """Make an endpoint and begin to load it. Raises InvalidInput, NotFound, AlreadyExists."""
        check_endpoint_name(name)
        now = datetime.now(UTC)
        if any(record.name == name for record in self._records.all()):
            raise AlreadyExists(f"there is a serving endpoint {name!r} already")
        config = None if wanted is None else self._checked(wanted, 1, creator)
        record = EndpointRecord(
            name=name,
            endpoint_id=uuid.uuid4().hex,
            creator=creator,
            created_at=now,
            updated_at=now,
            pending=config,
            description=description,
            tags=dict(tags),
        )
        with self._steering:
            self._records.create(record)
            self._known[name] = record
        if config is not None:
            self._begin(record, config)
        return record

    def update_config(self, name: str, wanted: WantedConfig, caller: str) -> EndpointRecord:
        """Begin to load another configuration; the one at work answers until all of it is there.

        Raises Conflict while a change is under way, InvalidInput, and NotFound without endpoint or model version.
        """
        self._refuse_built_in(name)
        before = self._records.get(name)
        number = max((config.version for config in (before.active, before.pending) if config is not None), default=0)
        config = self._checked(wanted, number + 1, caller)

        def begin(record: EndpointRecord) -> EndpointRecord:
            if record.pending is not None and not record.failure:
                raise Conflict(f"serving endpoint {name!r} is being changed already; wait until that is done")
            return replace(record, pending=config, failure="")

        record = self.change(name, begin)
        self._begin(record, config)
        return record

    def change(self, name: str, changed: Callable[[EndpointRecord], EndpointRecord]) -> EndpointRecord:
        """Change the record in one step, whoever else changes it. Raises NotFound and whatever `changed` raises."""
        with self._steering:
            for _ in range(_ATTEMPTS):
                record = self._records.get(name)
                wanted = replace(changed(record), updated_at=datetime.now(UTC))
                try:
                    self._known[name] = self._records.replace(wanted)
                except Conflict:
                    continue  # another process was faster
                return self._known[name]
        raise Conflict(f"serving endpoint {name!r} is changed by too many at the same time; try again")

    def delete(self, name: str) -> None:
        """Take an endpoint away; requests that it is answering are finished. Raises NotFound."""
        self._refuse_built_in(name)
        with self._steering:
            self._records.delete(name)
            self._known.pop(name, None)
            self._active.pop(name, None)
            self._pending.pop(name, None)

    def _checked(self, wanted: WantedConfig, version: int, creator: str) -> EndpointConfig:
        try:
            return checked_config(wanted, version, creator, datetime.now(UTC), self._registry)
        except NotFound as error:
            if self._is_complete():
                raise
            raise Unavailable(f"{error}; models are still being registered, try again in a second", 1) from None

    def _refuse_built_in(self, name: str) -> None:
        if name in self._built_in:
            raise InvalidInput(
                f"{name!r} comes with the service and follows the alias champion of {self._built_in[name].model}: move "
                "the alias, or create an endpoint of your own"
            )

    def _remember_built_in(self, built_in: BuiltIn, owner: str) -> None:
        now = datetime.now(UTC)
        record = EndpointRecord(
            name=built_in.name, endpoint_id=uuid.uuid4().hex, creator=owner, created_at=now, updated_at=now,
            description=built_in.description, grants={_USERS: "CAN_QUERY"},
        )  # fmt: skip
        if all(each.name != built_in.name for each in self._records.all()):
            self._records.create(record)

    # --- loading

    def _deployment(self, name: str, config: EndpointConfig) -> Deployment:
        before = self._active.get(name)

        def make(entity: ServedEntity) -> Served:
            same = None if before is None else before.served.get(entity.name)
            if same is not None and (same.entity.model, same.entity.version) == (entity.model, entity.version):
                return same  # what is loaded goes on, and so do its numbers
            return Served(entity, self._artefacts, self._executor)

        return Deployment(name, config, make)

    def _begin(self, record: EndpointRecord, config: EndpointConfig) -> None:
        deployment = self._deployment(record.name, config)
        self._pending[record.name] = deployment
        threading.Thread(
            target=self._roll_out, args=(record, deployment), name=f"roll-out-{record.name}", daemon=True
        ).start()

    def _roll_out(self, record: EndpointRecord, deployment: Deployment) -> None:
        failures = []
        for served in deployment.served.values():
            try:
                served.start_loading().result()
            except Exception as error:  # noqa: BLE001 a model of others may fail in any way; the record says how
                failures.append(f"{served.entity.name}: {error}")
        if self._closing.is_set():
            return
        try:
            self._swap(record, deployment, "; ".join(failures))
        except (NotFound, Conflict):
            return  # deleted, or overtaken by an endpoint of the same name
        except QuikAppMLError:
            logger.exception("serving endpoint %s: its change is taken up by the next start", record.name)

    def _swap(self, record: EndpointRecord, deployment: Deployment, failure: str) -> None:
        with self._steering:
            self.change(record.name, lambda now: self._rolled_out(now, record, deployment.config, failure))
            if failure:
                return
            deployment.take_over()
            self._active[record.name] = deployment
            self._pending.pop(record.name, None)

    def _rolled_out(
        self, now: EndpointRecord, record: EndpointRecord, config: EndpointConfig, failure: str
    ) -> EndpointRecord:
        is_same = now.endpoint_id == record.endpoint_id and now.pending is not None
        if not is_same or now.pending is None or now.pending.version != config.version:
            raise Conflict("it is another endpoint or another change now")
        if failure:
            return replace(now, failure=failure)
        return replace(now, active=config, pending=None, failure="")

    def _sweep(self) -> None:
        self._forget_artefacts()
        while not self._closing.wait(SWEEP_SECONDS):
            for deployment in list(self._active.values()):
                for served in deployment.served.values():
                    served.scale_to_zero(IDLE_SECONDS)

    def _forget_artefacts(self) -> None:
        try:
            configs = [config for record in self._records.all() for config in (record.active, record.pending) if config]
        except QuikAppMLError as error:
            logger.warning("fetched artefacts are kept: %s", error)
            return
        self._artefacts.keep_only({(each.model, each.version) for config in configs for each in config.entities})

    # --- answering

    async def invoke(self, name: str, invocation: Invocation, request_id: str, entity: str = "") -> tuple[Scored, str]:
        """Answer a request, and say which entity did. Raises NotFound, Unavailable, InvalidInput."""
        started = time.perf_counter()
        built_in = self._built_in.get(name)
        if built_in is not None:
            return await self._ask(built_in, invocation, entity, request_id)
        deployment = self._active.get(name)
        if deployment is None:
            raise self._not_ready(name)
        served = deployment.named(entity) if entity else deployment.choose(lambda: invocation.unit)
        scored = await self._score(served, invocation, started)
        capture, about = deployment.config.auto_capture, served.entity
        latency_ms = 1000 * (time.perf_counter() - started)
        answered = Answered(name, about.name, about.model, str(about.version), request_id, latency_ms)
        table = capture.table if capture is not None and capture.enabled else None
        self._log.by_entity(invocation, scored, answered, table)
        return scored, served.entity.name

    async def _score(self, served: Served, invocation: Invocation, started: float) -> Scored:
        status, ready = 503, started
        try:
            model = await served.model()
            ready = time.perf_counter()
            scored = await model.answer(invocation)
            status = scored.status
        finally:
            ended = time.perf_counter()
            served.telemetry.observe(
                status, 1000 * (ended - started), 1000 * (ended - ready), 1000 * (ready - started)
            )  # fmt: skip
        if scored.trace:
            served.log.service(f"{scored.status}: {scored.trace}")
        return scored

    async def _ask(self, built_in: BuiltIn, invocation: Invocation, entity: str, request_id: str) -> tuple[Scored, str]:
        started = time.perf_counter()
        if entity not in ("", built_in.model):
            raise NotFound(f"serving endpoint {built_in.name!r} has no served entity {entity!r}, but {built_in.model}")
        status = 503
        try:
            scored = await self._ask_service(built_in, invocation, request_id)
            status = scored.status
        except InvalidInput:
            status = 400
            raise
        finally:
            latency_ms = 1000 * (time.perf_counter() - started)
            self._built_in_telemetry[built_in.name].observe(status, latency_ms, latency_ms, 0.0)
        return scored, built_in.model

    async def _ask_service(self, built_in: BuiltIn, invocation: Invocation, request_id: str) -> Scored:
        started = time.perf_counter()
        records = invocation.csv_records() if invocation.is_csv else invocation.records()
        if records is not None and built_in.asks(records):
            if len(records) > MAX_RECORDS:
                raise InvalidInput(f"{len(records)} records are given, at most {MAX_RECORDS} are allowed")
            with asked_through(built_in.name):
                answers = await built_in.answer(records, from_text=invocation.is_csv)
            return Scored(200, encode({"predictions": answers}))
        loaded = self._models.get(built_in.model)
        columns = invocation.columns(loaded.model.inputs)
        if columns is None:
            raise InvalidInput(_neither(built_in, loaded.model.inputs, records))
        scored = predictions(loaded.model.predict(columns))
        latency_ms = 1000 * (time.perf_counter() - started)
        ref = loaded.ref
        answered = Answered(built_in.name, built_in.model, ref.name, ref.version, request_id, latency_ms)
        self._log.by_model_alone(invocation, scored, loaded, answered)
        return scored

    def _not_ready(self, name: str) -> QuikAppMLError:
        record = self._records.get(name)
        if record.failure:
            return InvalidInput(f"serving endpoint {name!r} could not be made: {record.failure}")
        if record.pending is None:
            return InvalidInput(f"serving endpoint {name!r} has no served entities yet")
        return Unavailable(f"serving endpoint {name!r} is being made; try again in a second", 1)


def _neither(built_in: BuiltIn, inputs: Mapping[str, str], records: Sequence[Record] | None) -> str:
    given = "no rows" if records is None else f"the fields {', '.join(map(str, records[0]))[:200]}"
    features = ", ".join(f"{name} ({kind})" for name, kind in inputs.items())
    return (
        f"send dataframe_records, dataframe_split, instances, inputs or CSV with the fields "
        f"{', '.join(sorted(built_in.needs))} to ask the service, or all of {features} to ask the model alone; "
        f"given: {given}"
    )
