"""What is known of the service's state. Whatever may hang is asked in the background; a report only reads."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import httpx

from quikapp_ml.stores.registry.base import CHAMPION

Status = Literal["healthy", "degraded", "unhealthy"]
Question = Callable[[], bool]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HealthReport:
    """The answer of `GET /health`; the order of the fields is the product's documentation's."""

    status: Status
    databricks_connection: Literal["connected", "disconnected"]
    models_loaded: int
    feature_store: Literal["available", "unavailable"]
    version: str


@dataclass(frozen=True)
class Checks:
    """What health is made of. The two questions that end in `_answers` may hang or raise; the others must not."""

    workspace_answers: Question
    """The Databricks workspace, or what stands for it here: lake and registry."""
    feature_store_answers: Question
    takes_events: Question
    """The spool accepts rows."""
    has_room: Question
    """The disk takes what is written to it; without, questions are answered and events refused."""
    writes_tables: Question
    """The lake writer gets rid of its rows."""
    is_recovered: Question
    """What an earlier process left behind is read in."""
    models_loaded: Callable[[], int]
    """Production models that answer, rules not counted."""
    models_expected: Callable[[], int]
    """Production models that there are."""


class Probe:
    """Asks one question again and again in a thread of its own, so that nobody waits for the answer.

    `holds()` is true when the newest answer was yes and is not older than `stale_seconds`: a question that hangs
    becomes a no by itself.
    """

    def __init__(self, name: str, question: Question, interval_seconds: float, stale_seconds: float) -> None:
        self._name = name
        self._question = question
        self._interval_seconds = interval_seconds
        self._stale_seconds = stale_seconds
        self._answer = False
        self._answered_at = float("-inf")
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"probe-{name}", daemon=True)

    def start(self) -> None:
        """Ask for the first time, in the background."""
        self._thread.start()

    def wait(self, timeout_seconds: float) -> None:
        """Wait for the first answer, but not longer than this."""
        self._answered.wait(timeout_seconds)

    def holds(self) -> bool:
        """Whether the answer is yes, as far as is known now."""
        return self._answer and time.monotonic() - self._answered_at <= self._stale_seconds

    def stop(self) -> None:
        """Ask no more. Does not wait for a question that hangs."""
        self._stopped.set()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread, but not longer than this."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._ask()
            self._stopped.wait(self._interval_seconds)

    def _ask(self) -> None:
        reason = ""
        try:
            answer = self._question()
        except Exception as error:  # noqa: BLE001  whatever it is that breaks, the thing asked about does not work
            answer, reason = False, f": {error}"
        if answer != self._answer or not self._answered.is_set():
            logger.log(
                logging.INFO if answer else logging.WARNING,
                "%s %s%s", self._name, "answers" if answer else "does not answer", reason,
            )  # fmt: skip
        self._answer = answer
        self._answered_at = time.monotonic()
        self._answered.set()


class HealthMonitor:
    """Puts the checks together. Vital are the feature store and the spool: without them nothing can be answered."""

    def __init__(
        self,
        checks: Checks,
        version: str,
        *,
        interval_seconds: float = 1.0,
        workspace_interval_seconds: float = 3.0,
        stale_seconds: float = 5.0,
        first_answer_seconds: float = 1.0,
    ) -> None:
        self._checks = checks
        self._version = version
        self._first_answer_seconds = first_answer_seconds
        self._workspace = Probe(
            "databricks workspace",
            checks.workspace_answers,
            workspace_interval_seconds,
            workspace_interval_seconds + stale_seconds,
        )
        self._features = Probe("feature store", checks.feature_store_answers, interval_seconds, stale_seconds)

    def start(self) -> None:
        """Begin to ask; returns with the first answers, or without those that take too long."""
        deadline = time.monotonic() + self._first_answer_seconds
        for probe in (self._workspace, self._features):
            probe.start()
        for probe in (self._workspace, self._features):
            probe.wait(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Stop asking."""
        for probe in (self._workspace, self._features):
            probe.stop()
        for probe in (self._workspace, self._features):
            probe.join(0.5)

    def report(self) -> HealthReport:
        """The state now; never waits."""
        connected, available = self._workspace.holds(), self._features.holds()
        return HealthReport(
            status=self._status(connected, available),
            databricks_connection="connected" if connected else "disconnected",
            models_loaded=self._checks.models_loaded(),
            feature_store="available" if available else "unavailable",
            version=self._version,
        )

    def is_ready(self) -> bool:
        """Whether questions and events can be taken: recovered, a model loaded, nothing vital broken."""
        return self._checks.is_recovered() and self._checks.models_loaded() > 0 and self.report().status != "unhealthy"

    def _status(self, connected: bool, available: bool) -> Status:
        checks = self._checks
        if not (available and checks.takes_events()):
            return "unhealthy"
        complete = checks.models_loaded() >= checks.models_expected()
        is_kept = checks.has_room() and checks.writes_tables()
        return "healthy" if connected and complete and is_kept else "degraded"


class _Loaded(Protocol):
    @property
    def alias(self) -> str | None: ...


def count_champions(loaded: Iterable[_Loaded]) -> int:
    """How many of the loaded models are Production models."""
    return sum(model.alias == CHAMPION for model in loaded)


class DatabricksProbe:
    """Whether a Databricks workspace answers us, and knows us when there is a token."""

    def __init__(self, host: str, token: str, timeout_seconds: float = 3.0) -> None:
        scheme = "" if host.startswith(("http://", "https://")) else "https://"
        base_url = scheme + host.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._path = "/api/2.0/preview/scim/v2/Me" if token else "/.well-known/databricks-config"
        self._client = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_seconds)

    def __call__(self) -> bool:
        """Ask once. Raises what httpx raises."""
        return self._client.get(self._path).is_success

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()
