"""Takes the steps of rollouts by itself, forwards and back: looks every 45 seconds, in a thread."""

import logging
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, Protocol

from quikapp_ml.errors import Conflict, InvalidInput, QuikAppMLError
from quikapp_ml.experiments.rollout import ENDED, ROLLED_BACK, SHADOW, Evidence, verdict
from quikapp_ml.serving.rollout_world import RolloutWorld
from quikapp_ml.serving.rollouts import RolloutDesk, made_by, read_rollout
from quikapp_ml.serving.shadow import ShadowHost, Wanted
from quikapp_ml.stores.state.rollouts import RolloutRecord

logger = logging.getLogger(__name__)

LOOK_SECONDS = 45.0
CLOSE_SECONDS = 5
GUARD = "guard"
"""Who takes a step that nobody asked for."""


class Looks(Protocol):
    """Knows what is known of a challenger."""

    def of(self, record: RolloutRecord) -> tuple[Evidence, Mapping[str, Any]]:
        """What is known, and what of it has to be kept in the record."""


class RolloutGuard:
    """Drives all rollouts. `looks` is asked for when there is one: it costs memory."""

    def __init__(
        self,
        desk: RolloutDesk,
        world: RolloutWorld,
        shadows: ShadowHost,
        looks: Callable[[], Looks],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._desk = desk
        self._world = world
        self._shadows = shadows
        self._looks = looks
        self._look_seconds = look_seconds
        self._closing = Event()
        self._thread = Thread(target=self._run, name="rollout-guard", daemon=True)

    def start(self) -> None:
        """Begin to look; what a crash left half done is ended by the first look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def look(self) -> dict[str, str]:
        """Take every step that is due, and return the stages reached, by name."""
        under_way = [record for record in self._desk.all() if not record.is_settled]
        self._follow_shadows(under_way)
        moved = {}
        for record in under_way:
            if self._closing.is_set():
                break
            try:
                stage = self._look_at(record).stage
            except QuikAppMLError as error:
                logger.warning("rollout %s waits at %s: %s", record.name, record.stage, error)
                self._note_wait(record, str(error))
                continue
            if stage != record.stage:
                moved[record.name] = stage
        if moved:
            self._follow_shadows([record for record in self._desk.all() if not record.is_settled])
        return moved

    def follow(self, record: RolloutRecord) -> RolloutRecord:
        """Make the world follow one, now. What cannot be done yet, a later look does."""
        try:
            return self._followed(record)
        except QuikAppMLError as error:
            logger.warning("rollout %s: %s", record.name, error)
            return record

    def _look_at(self, record: RolloutRecord) -> RolloutRecord:
        record = self._followed(record)
        if record.stage in ENDED:
            return record
        evidence, kept = self._evidence(record)
        found = verdict(record.stage, read_rollout(record.spec).shares, evidence)
        if found.stage == record.stage:
            return self._desk.note(record, waits_for=found.why, **kept)
        record = self._desk.step(record, found.stage, GUARD, found.why, evidence.numbers)
        level = logging.WARNING if found.stage == ROLLED_BACK else logging.INFO
        logger.log(level, "rollout %s is at %s: %s", record.name, found.stage, found.why)
        return self._followed(record)

    def _followed(self, record: RolloutRecord) -> RolloutRecord:
        done = self._world.follow(record)
        return self._desk.note(record, is_settled=done and record.stage in ENDED)

    def _evidence(self, record: RolloutRecord) -> tuple[Evidence, Mapping[str, Any]]:
        stopped_by = self._world.stopped_by(record)
        if stopped_by and stopped_by != made_by(record.name):
            return Evidence(f"its experiment was stopped by {stopped_by}"), {}
        return self._looks().of(record)

    def _note_wait(self, record: RolloutRecord, why: str) -> None:
        try:
            now = self._desk.get(record.name)
            if now.stage not in ENDED:  # who gave it up meanwhile waits for nothing
                self._desk.note(now, waits_for=why)
        except QuikAppMLError as error:
            logger.warning("rollout %s: that it waits cannot be noted: %s", record.name, error)

    def _follow_shadows(self, records: list[RolloutRecord]) -> None:
        found = [_wanted(record) for record in records if record.stage == SHADOW]
        self._shadows.follow({one.model: one for one in found if one is not None})

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except Conflict as error:
                logger.info("a rollout took a step elsewhere at the same time: %s", error)
            except Exception:  # the thread must outlive whatever a store or an engine raises
                logger.exception("rollouts cannot be looked at")
            self._closing.wait(self._look_seconds)


def _wanted(record: RolloutRecord) -> Wanted | None:
    """Whom to ask in the shadow; nobody of an endpoint, or of a rollout that this version does not understand."""
    try:
        spec = read_rollout(record.spec)
    except InvalidInput:
        return None  # the look at it says so
    if spec.endpoint is not None:
        return None
    return Wanted(record.name, record.model, spec.version, spec.shadow.share, spec.shadow.budget)
