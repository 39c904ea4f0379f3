"""Stops experiments that do harm, by itself: a broken guardrail, or units that do not arrive in their shares."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from quikapp_ml.entities.experiments import ExperimentSpec, ExperimentState
from quikapp_ml.errors import Conflict, QuikAppMLError
from quikapp_ml.experiments.results import MISMATCH, ExperimentResults, Finding
from quikapp_ml.serving.experiments import ExperimentDesk, spec_of
from quikapp_ml.serving.rollouts import ROLLOUT

logger = logging.getLogger(__name__)

LOOK_SECONDS = 45.0
CLOSE_SECONDS = 5
LONGEST_NAME = 255


class ExperimentGuard:
    """Looks at what is running every LOOK_SECONDS, in a thread; the intervals allow it as often as one likes.

    `follow` is called when one was stopped, so that the next answer knows of it; `teach` after each look, for bandits.
    """

    def __init__(
        self,
        desk: ExperimentDesk,
        read: Callable[[ExperimentSpec], ExperimentResults],
        follow: Callable[[], None],
        look_seconds: float = LOOK_SECONDS,
        teach: Callable[[], object] = list,
    ) -> None:
        self._desk = desk
        self._read = read
        self._follow = follow
        self._look_seconds = look_seconds
        self._teach = teach
        self._closing = Event()
        self._thread = Thread(target=self._run, name="experiment-guard", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def look(self) -> dict[str, str]:
        """Stop what does harm, and return why, by name. One that cannot be read is passed over."""
        stopped = {}
        for record in self._desk.all():
            is_rollouts_own = record.created_by.startswith(ROLLOUT)  # its guard knows what harm is
            if record.state != ExperimentState.RUNNING or is_rollouts_own or self._closing.is_set():
                continue
            try:
                why = harm_of(self._read(spec_of(record)))
            except QuikAppMLError as error:
                logger.warning("experiment %s cannot be looked at: %s", record.name, error)
                continue
            if why and self._stop(record.name, why):
                stopped[record.name] = why
        if stopped:
            self._follow()
        return stopped

    def _stop(self, name: str, why: str) -> bool:
        try:
            self._desk.stop(name, f"guard: {why}"[:LONGEST_NAME])
        except Conflict:
            return False  # somebody else was faster
        logger.warning("experiment %s is stopped: %s", name, why)
        return True

    def _run(self) -> None:
        while not self._closing.wait(self._look_seconds):
            try:
                self.look()
                self._teach()
            except Exception:  # the thread must outlive whatever a store or an engine raises
                logger.exception("running experiments cannot be looked at")


def harm_of(found: ExperimentResults) -> str:
    """Why an experiment must be stopped; empty when it need not be."""
    p_value = found.arrivals.mismatch_p_value
    if p_value is not None and p_value < MISMATCH:
        return found.arrivals.sentence
    for one in found.metrics:
        if one.role == "guardrail" and one.finding is Finding.BROKEN:
            return f"{one.variant}: {one.sentence}"
    return ""
