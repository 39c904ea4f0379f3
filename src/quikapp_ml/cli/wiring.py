"""What the service is wired to, and whether each of it answers; `doctor` prints it."""

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import httpx

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.errors import QuikAppMLError, StorageFailed, Unavailable
from quikapp_ml.serving.health import DatabricksProbe
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.state import open_state

_CREDENTIALS = re.compile(r"(?<=://)(?!/)[^?]*@")
_PARAMETERS = re.compile(r"(?<=://)(.*?)\?.*")
"""Of a URL: a password may stand there, too."""


@dataclass(frozen=True)
class Wire:
    """One thing, where it is, and whether it answers; `detail` says what it answered or why it does not."""

    thing: str
    url: str
    answers: bool
    detail: str


def wiring(settings: Settings) -> list[Wire]:
    """Ask everything that the settings name."""
    asked: list[tuple[str, str, Callable[[], str]]] = [
        ("home", str(settings.home), lambda: _home(settings)),
        ("service", "", lambda: "not running"),
        ("tables", settings.lake_path, lambda: f"{len(open_lake(settings.lake_path).names())} tables"),
        ("compute", settings.spark_remote or "Sail, in process", lambda: _compute(settings)),
        ("tracking and registry", settings.mlflow_uri, lambda: _registry(settings)),
        ("online features", settings.online_url, lambda: _online(settings)),
        ("control state", settings.control_state_url, lambda: _state(settings)),
    ]
    if settings.databricks_host:
        asked.append(("Databricks workspace", settings.databricks_host, lambda: _databricks(settings)))
    return [_service(settings) if thing == "service" else _ask(thing, url, question) for thing, url, question in asked]


def _ask(thing: str, url: str, question: Callable[[], str]) -> Wire:
    shown = _PARAMETERS.sub(r"\1", _CREDENTIALS.sub("…@", url))
    try:
        return Wire(thing, shown, True, question())
    except (QuikAppMLError, OSError, httpx.HTTPError) as error:
        return Wire(thing, shown, False, str(error))


def _home(settings: Settings) -> str:
    Home(settings.home)
    return "writable"


def _service(settings: Settings) -> Wire:
    """A service that does not run is no fault; one that runs must answer."""
    try:
        running = Home(settings.home).running()
    except StorageFailed:
        return Wire("service", "", False, "not running; it cannot, without a home that can be written")
    if running is None or not running.url:
        return Wire("service", "", True, "not running; start it: quikapp-ml serve")
    return _ask("service", running.url, lambda: str(httpx.get(f"{running.url}/health", timeout=3).json()["status"]))


def _compute(settings: Settings) -> str:
    with closing(open_compute(settings.spark_remote)) as compute:
        return f"SELECT 1 + 1 is {compute.query('SELECT 1 + 1 AS two', {}).column('two')[0].as_py()}"


def _registry(settings: Settings) -> str:
    return f"{len(open_model_registry(settings).names())} registered models"


def _online(settings: Settings) -> str:
    with closing(open_online_store(settings.online_url)) as online:
        return f"complete up to event list {online.checkpoint}"


def _state(settings: Settings) -> str:
    with closing(open_state(settings.control_state_url)) as state:
        return f"{len(state.job_runs.runs(limit=1000))} job runs"


def _databricks(settings: Settings) -> str:
    with closing(DatabricksProbe(settings.databricks_host, settings.databricks_token.get_secret_value())) as probe:
        if not probe():
            raise Unavailable("it refuses the token, or is no workspace")
        return "answers"
