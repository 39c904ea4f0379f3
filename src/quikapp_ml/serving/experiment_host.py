"""Running experiments at work: who gets which variant, and the models of variants, loaded before they are asked.

Nothing here makes a request fail. A unit whose variant cannot answer gets control, is marked in the ledger
(`assignment` is `fallback`) and is counted.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from quikapp_ml.entities.experiments import (
    SUBJECT_MODELS,
    Audience,
    ExperimentSpec,
    ExperimentState,
    Subject,
    TriedVariant,
)
from quikapp_ml.errors import InvalidInput, NotFound, QuikAppMLError, Unavailable
from quikapp_ml.experiments.adaptive import AdaptiveSplit
from quikapp_ml.experiments.assignment import Split, Why
from quikapp_ml.experiments.sticky import Had, StickySplit
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.base import Model
from quikapp_ml.serving.experiments import division_of, spec_of
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.replay_models import Pinned, PinnedModels
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.experiments import ExperimentRecord, ExperimentRecords

logger = logging.getLogger(__name__)

FALLBACK = "fallback"
"""The unit has a variant that could not answer, and got control."""
CLOSE_SECONDS = 5
ALL = "all of them"
SETTLED = timedelta(minutes=2)
"""How long after a change of weights the ledger is read once more, for the answers that were on their way."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose question it is; None where the question does not say."""

    user: str | None = None
    channel: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """An answer to a unit of a running experiment; `assignment` is hash, bandit, override or a fallback."""

    experiment: str
    unit: str
    variant: str
    propensity: float
    assignment: str

    def told(self) -> dict[str, str]:
        """What the answer says of it."""
        return {"name": self.experiment, "variant": self.variant}

    def failed(self) -> "Exposure":
        """The same unit, which got control instead of its variant; only of an even part does that count."""
        return replace(self, assignment=FALLBACK if self.assignment == Why.HASH else f"{self.assignment}-{FALLBACK}")


@dataclass(frozen=True, slots=True)
class Choice:
    """How to answer: `loaded` is None where the model that answers everybody does."""

    loaded: Loaded | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    exposure: Exposure | None = None


AS_EVER = Choice()


@dataclass(frozen=True)
class _Running:
    spec: ExperimentSpec
    split: Split | AdaptiveSplit | StickySplit
    variants: Mapping[str, TriedVariant]
    models: Mapping[str, Loaded]
    """Of the variants that name one and whose model is there."""


class ExperimentHost:
    """Follows the control state in a thread of its own; `choose` looks into memory alone.

    `had` reads who had which variant first, for sticky experiments whose weights were changed.
    """

    def __init__(
        self,
        records: ExperimentRecords,
        registry: ModelRegistry,
        model_classes: Mapping[str, type[Model]],
        workspace: Workspace,
        poll_seconds: float,
        had: Callable[[ExperimentSpec], Mapping[str, Had]] = lambda _: {},
    ) -> None:
        self._records = records
        self._registry = registry
        self._models = PinnedModels(registry, {}, model_classes)
        self._workspace = workspace
        self._poll_seconds = poll_seconds
        self._had = had
        self._sticky: dict[str, tuple[object, StickySplit]] = {}
        self._running: Mapping[str, Sequence[_Running]] = {}
        self._told: dict[str, str] = {}
        self._refused: set[tuple[str, int]] = set()
        self._fallbacks = 0
        self._failures = 0
        self._refreshing = Lock()
        self._closing = Event()
        self._thread = Thread(target=self._poll, name="experiment-host", daemon=True)

    def start(self) -> None:
        """Begin to follow what is running."""
        self._thread.start()

    def close(self) -> None:
        """Stop following, and delete what was fetched."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        with self._refreshing:
            self._models.close()

    @property
    def fallbacks(self) -> int:
        """How many answers were control's because their variant could not give them."""
        return self._fallbacks

    @property
    def failures(self) -> int:
        """How many times something of an experiment failed that did not reach an answer."""
        return self._failures

    def running(self) -> list[str]:
        """Names of the experiments that units are let into now."""
        return sorted(one.spec.name for all_of in self._running.values() for one in all_of)

    def refresh(self) -> None:
        """Read what is running, and load what its variants need. Raises what the stores raise."""
        with self._refreshing:
            before = {one.spec.name: one for all_of in self._running.values() for one in all_of}
            running: dict[str, list[_Running]] = defaultdict(list)
            for record in self._records.all():
                if record.state == ExperimentState.RUNNING:
                    one = self._followed(record, before.get(record.name))
                    if one is not None:
                        running[one.spec.subject].append(one)
            self._running = dict(running)

    def follow(self) -> None:
        """`refresh`, where the next one by the clock will do when this one fails."""
        try:
            self.refresh()
        except Exception as error:  # noqa: BLE001 whatever a store raises: what is known goes on
            self._tell(ALL, f"cannot be read, those known go on: {error!r}")
        else:
            self._told.pop(ALL, None)

    def choose(self, subject: Subject, asker: Asker) -> Choice:
        """How to answer this question. Never raises."""
        running = self._running.get(subject)
        if not running:
            return AS_EVER
        try:
            return self._chosen(running, asker)
        except Exception:  # an experiment must not cost anybody their answer
            self._failures += 1
            logger.exception("experiments on %s are passed over for one answer", subject)
            return AS_EVER

    def note_fallback(self) -> None:
        """Count an answer that a variant's model failed to give."""
        self._fallbacks += 1

    def _chosen(self, running: Sequence[_Running], asker: Asker) -> Choice:
        for one in running:
            unit = getattr(asker, one.spec.unit)
            if not unit:
                continue
            given = one.split.assign(unit)
            if given.variant is None:
                continue
            if given.why is not Why.OVERRIDE and not self._is_meant(one.spec.audience, asker):
                continue
            exposure = Exposure(one.spec.name, unit, given.variant, given.propensity, given.why.value)
            variant = one.variants[given.variant]
            if variant.model is None:
                return Choice(None, variant.parameters, exposure)
            loaded = one.models.get(given.variant)
            if loaded is None:
                self.note_fallback()
                return Choice(exposure=exposure.failed())
            return Choice(loaded, variant.parameters, exposure)
        return AS_EVER

    def _followed(self, record: ExperimentRecord, before: _Running | None) -> _Running | None:
        """The experiment as it is now; as it was, where the ledger cannot say who keeps what."""
        try:
            return self._prepared(spec_of(record))
        except InvalidInput as error:  # made by another version of this program
            self._tell(record.name, f"is not run: {error}")
            return None
        except QuikAppMLError as error:
            self._tell(record.name, f"goes on as it was, for who had what cannot be read: {error}")
            return before

    def _is_meant(self, audience: Audience, asker: Asker) -> bool:
        person = self._workspace.people.get(asker.user or "")
        asked: tuple[tuple[Sequence[str], str | None], ...] = (
            (audience.users, asker.user),
            (audience.channels, asker.channel),
            (audience.roles, person.role if person else None),
            (audience.teams, person.team if person else None),
        )
        return all(found in listed for listed, found in asked if listed)

    def _prepared(self, spec: ExperimentSpec) -> _Running:
        models = {}
        for variant in spec.variants:
            loaded = self._loaded(spec, variant)
            if loaded is not None:
                models[variant.name] = loaded
        return _Running(spec, self._division(spec), {one.name: one for one in spec.variants}, models)

    def _division(self, spec: ExperimentSpec) -> Split | AdaptiveSplit | StickySplit:
        division = division_of(spec)
        if spec.weighed_at is None or isinstance(division, AdaptiveSplit):
            return division
        now = (spec.model_dump_json(), datetime.now(UTC) > spec.weighed_at + SETTLED)
        before, sticky = self._sticky.get(spec.name, (None, None))
        if sticky is None or before != now:
            sticky = StickySplit.of(division, self._had(spec))
            self._sticky[spec.name] = (now, sticky)
        return sticky

    def _loaded(self, spec: ExperimentSpec, variant: TriedVariant) -> Loaded | None:
        if variant.model is None:
            return None
        name, tried, who = SUBJECT_MODELS[spec.subject], variant.model, f"{spec.name}/{variant.name}"
        try:
            number = tried.version if tried.version is not None else self._number_of(name, str(tried.alias))
            pinned = None if (name, number) in self._refused else self._pinned(name, number)
        except Exception as error:  # noqa: BLE001 a damaged version can fail in any way; its units get control
            self._tell(who, f"cannot answer, its units get control: {error!r}")
            return None
        if pinned is None:
            return None
        self._told.pop(who, None)
        return Loaded(pinned.model, pinned.ref, pinned.number, tried.alias)

    def _pinned(self, name: str, number: int) -> Pinned:
        try:
            return self._models.by_number(name, number)
        except Unavailable:
            raise
        except Exception:
            self._refused.add((name, number))  # it will not get better: it is not fetched again
            raise

    def _number_of(self, name: str, alias: str) -> int:
        found = self._registry.by_alias(name, alias)
        if found is None:
            raise NotFound(f"model {name!r} has no alias {alias!r}")
        return found.number

    def _tell(self, what: str, told: str) -> None:
        self._failures += 1
        if self._told.get(what) != told:
            self._told[what] = told
            logger.error("experiments: %s %s", what, told)

    def _poll(self) -> None:
        while not self._closing.is_set():
            self.follow()
            self._closing.wait(self._poll_seconds)
