"""One pyfunc behind our /invocations and behind `mlflow models serve`, one machine, one run: scripts/bench serving"""

import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvloop

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.settings import Settings
from shared.load import load, request

MODEL, VERSION, ENDPOINT = "content-ranker", 1, "bench"
FEATURES = (
    "author", "channel_habit", "membership", "recency", "newest_first", "replies", "reactions", "team", "to_you",
    "popularity", "query_found", "query_match", "unwanted",
)  # fmt: skip
WARM_UP_SECONDS = 1.0
START_SECONDS = 120.0
BOUNDS = {1: 10.0, 100: 3.0}
"""So many times the throughput of MLflow's server is asked for, by records of a request."""
P99_BOUND = 5.0

SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Server:
    """Something that answers invocations."""

    name: str
    host: str
    port: int
    path: str
    token: str = ""


def main() -> None:
    """Measure both servers, print a table and one line of JSON; exit 1 when a bound is not met."""
    options = _options()
    results: list[dict[str, Any]] = []
    print(f"{'':>8}{'records':>8}{'conn':>6}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    with tempfile.TemporaryDirectory(prefix="quikapp-ml-bench-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        ours = running.enter_context(_ours(folder))
        theirs = running.enter_context(_theirs(folder))
        for n_records in BOUNDS:
            body = json.dumps({"dataframe_records": _records(n_records)}).encode()
            _check_same(ours, theirs, body)
            for n_connections in options.connections:
                for server in (ours, theirs):
                    row = _loaded(server, body, n_connections, options.seconds)
                    results.append({"server": server.name, "records": n_records, "connections": n_connections, **row})
                    _print_row(results[-1])
    missed = _missed(results)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    print(json.dumps({"benchmark": "serving", "machine": machine, "results": results, "missed": missed}))
    raise SystemExit(bool(missed))


def _print_row(row: dict[str, Any]) -> None:
    print(
        f"{row['server']:>8}{row['records']:>8}{row['connections']:>6}{row['requests_s']:>12}{row['p50_ms']:>9}"
        f"{row['p99_ms']:>9}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each number is measured")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    return parser.parse_args()


def _records(n: int) -> list[dict[str, float]]:
    random = np.random.default_rng(7)
    return [dict(zip(FEATURES, row, strict=True)) for row in random.random((n, len(FEATURES))).round(6).tolist()]


def _check_same(ours: Server, theirs: Server, body: bytes) -> None:
    answers = [
        httpx.post(
            f"http://{server.host}:{server.port}{server.path}",
            content=body,
            headers={"content-type": "application/json", "authorization": f"Bearer {server.token or 'none'}"},
            timeout=60,
        ).json()
        for server in (ours, theirs)
    ]
    if answers[0] != answers[1] or "predictions" not in answers[0]:
        raise SystemExit(f"the answers differ: {str(answers)[:500]}")


def _missed(results: list[dict[str, Any]]) -> list[str]:
    missed = []
    for ours, theirs in zip(results[::2], results[1::2], strict=True):
        case = f"{ours['records']} records, {ours['connections']} connections"
        times, quicker = ours["requests_s"] / theirs["requests_s"], theirs["p99_ms"] / ours["p99_ms"]
        print(f"{case}: {times:.1f} times the throughput, p99 1/{quicker:.1f}")
        if times < BOUNDS[ours["records"]]:
            missed.append(f"{case}: {times:.1f} times the throughput")
        if quicker < P99_BOUND:
            missed.append(f"{case}: p99 1/{quicker:.1f}")
    return missed


# --- the servers


@contextlib.contextmanager
def _ours(folder: Path) -> Iterator[Server]:
    environment = {**os.environ, "QUIKAPP_ML_HOME": str(folder / "home"), "PORT": "0", "QUIKAPP_ML_RUN_SCHEDULES": "0"}
    with _process([str(SCRIPTS / "quikapp-ml"), "serve"], environment, folder / "ours.log"):
        url = _wait(lambda: _announced(folder / "home"))
        token = (folder / "home" / "token").read_text()
        address = httpx.URL(url)
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
            entity = {"entity_name": MODEL, "entity_version": str(VERSION)}
            _wait(
                lambda: (
                    client.post(
                        "/api/2.0/serving-endpoints",
                        json={"name": ENDPOINT, "config": {"name": ENDPOINT, "served_entities": [entity]}},
                    ).is_success
                )
            )
            path = f"/api/2.0/serving-endpoints/{ENDPOINT}"
            _wait(lambda: client.get(path).json()["state"]["ready"] == "READY")
        yield Server("ours", address.host, address.port or 80, f"/serving-endpoints/{ENDPOINT}/invocations", token)


@contextlib.contextmanager
def _theirs(folder: Path) -> Iterator[Server]:
    settings = Settings.from_environment({"QUIKAPP_ML_HOME": str(folder / "home")})
    artefact = open_model_registry(settings).fetch_artefact(MODEL, VERSION, folder / "artefact")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = ["models", "serve", "-m", str(artefact), "-p", str(port), "--env-manager", "local"]
    environment = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with _process([str(SCRIPTS / "mlflow"), *serve], environment, folder / "theirs.log"):
        _wait(lambda: _is_up(f"http://127.0.0.1:{port}/ping"))
        yield Server("mlflow", "127.0.0.1", port, "/invocations")


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        except BaseException:
            print(log.read_text()[-2000:], file=sys.stderr)
            raise
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def _wait(ready: Any) -> Any:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit("a server did not start")


def _announced(home: Path) -> str:
    try:
        url = str(json.loads((home / "service.json").read_text())["url"])
    except (OSError, ValueError):
        return ""
    return url if url and _is_up(f"{url}/health/ready") else ""


def _is_up(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=5).status_code == 200
    return False


# --- the load


def _loaded(server: Server, body: bytes, n_connections: int, seconds: float) -> dict[str, float]:
    url = f"http://{server.host}:{server.port}"
    whole = request(url, server.path, body, server.token)
    warm = uvloop.run(load(url, lambda: whole, n_connections, WARM_UP_SECONDS))
    measured = uvloop.run(load(url, lambda: whole, n_connections, seconds))
    if warm.n_failed + measured.n_failed:
        raise SystemExit(f"{server.name} refuses: {(measured.body or warm.body)!r}")
    p50, p99 = measured.percentiles_ms(50, 99)
    return {"requests_s": round(measured.per_second, 1), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}


if __name__ == "__main__":
    main()
