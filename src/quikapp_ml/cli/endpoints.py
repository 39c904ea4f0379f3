"""`endpoints`: serving endpoints of the running service, and how they do."""

from collections import defaultdict
from typing import Annotated, Any

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families

from quikapp_ml.cli.screen import show_table
from quikapp_ml.errors import JobFailed, NotFound, Unavailable
from quikapp_ml.serving.local_token import read_local_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home

app = typer.Typer(help="Serving endpoints: which there are, how fast they answer.", no_args_is_help=True)

TIMEOUT_SECONDS = 10.0
_PATH = "/api/2.0/serving-endpoints"
_LATENCY = "request_latency_ms"

Buckets = list[tuple[float, float]]


@app.command("list")
def list_endpoints() -> None:
    """List all serving endpoints: what they serve, and whether they are ready."""
    rows = []
    for endpoint in _ask(_PATH).json()["endpoints"]:
        entities = endpoint.get("config", {}).get("served_entities", [])
        served = ", ".join(f"{each['entity_name']} {each['entity_version']}" for each in entities)
        state = endpoint["state"]
        rows.append((endpoint["name"], served, state["ready"], state["config_update"]))
    show_table(("endpoint", "serves", "", ""), rows, empty="there is no serving endpoint")


@app.command("metrics")
def metrics(name: Annotated[str, typer.Argument(help="Name of the endpoint; `endpoints list` has it.")]) -> None:
    """Print P50 and P99 of the time to an answer, and how many requests there were, by served entity."""
    found = measures(_ask(f"{_PATH}/{name}/metrics").text)
    rows = [
        (entity, _ms(quantile(buckets, 0.5)), _ms(quantile(buckets, 0.99)), f"{total:.0f}", f"{last_minute:.0f}")
        for entity, (buckets, total, last_minute) in sorted(found.items())
    ]
    columns = ("served entity", "P50 ms", "P99 ms", "requests", "in the last minute")
    show_table(columns, rows, empty=f"{name} serves nothing yet")


def measures(text: str) -> dict[str, tuple[Buckets, float, float]]:
    """By served entity: cumulative latency buckets (upper bound, count), requests ever, requests of the last minute.

    An exposition without histograms, as some Databricks workspaces have, gives no buckets.
    """
    buckets: dict[str, Buckets] = defaultdict(list)
    totals: dict[str, float] = defaultdict(float)
    last_minute: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            entity = sample.labels.get("served_entity_name", "")
            if sample.name == f"{_LATENCY}_bucket":
                buckets[entity].append((float(sample.labels["le"]), sample.value))
            elif sample.name == f"{_LATENCY}_count":
                totals[entity] = sample.value
            elif sample.name == "request_count_total":
                last_minute[entity] = sample.value
    return {entity: (sorted(buckets[entity]), totals[entity], last_minute[entity]) for entity in last_minute}


def quantile(buckets: Buckets, share: float) -> float | None:
    """The value that the share of all requests does not exceed, interpolated as Prometheus does; None without any."""
    if not buckets or not buckets[-1][1]:
        return None
    wanted = share * buckets[-1][1]
    low = below = 0.0
    for high, count in buckets:
        if count >= wanted:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (count - below)
        low, below = high, count
    return low


def _ask(path: str) -> httpx.Response:
    settings = Settings.from_environment()
    running = Home(settings.home).running()
    if running is None or not running.url:
        raise NotFound(f"no service runs on the home {settings.home}; start one with: quikapp-ml serve")
    headers = {"authorization": f"Bearer {read_local_token(settings.home)}"}
    try:
        answer = httpx.get(f"{running.url}{path}", headers=headers, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise Unavailable(f"the service at {running.url} does not answer: {error}") from error
    if answer.status_code == 404:
        raise NotFound(_message(answer))
    if answer.status_code != 200:
        raise JobFailed(f"the service at {running.url} refuses: {_message(answer)}")
    return answer


def _message(answer: httpx.Response) -> str:
    try:
        body: Any = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(body.get("message", body))


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
