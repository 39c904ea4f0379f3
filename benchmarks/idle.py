"""Memory and start-up of a service that nobody asks anything, beside another checkout: what was added costs so much."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
SETTLE_SECONDS = 20.0
"""Starter models are registered in the background of a fresh home."""


def measured(checkout: Path, port: int) -> tuple[float, float]:
    """Seconds until a fresh home answers, and MiB of the process when it has settled."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "QUIKAPP_ML_HOME": home, "PORT": str(port)}
        started = time.perf_counter()
        service = subprocess.Popen(
            [sys.executable, "-m", "quikapp_ml.cli", "serve"], env=environment, cwd=checkout,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _until_healthy(f"http://127.0.0.1:{port}/health/live", service)
            seconds = time.perf_counter() - started
            time.sleep(SETTLE_SECONDS)
            return seconds, psutil.Process(service.pid).memory_info().rss / 2**20
        finally:
            service.terminate()
            service.wait(30)


def _until_healthy(url: str, service: "subprocess.Popen[bytes]") -> None:
    while service.poll() is None:
        try:
            if httpx.get(url, timeout=1).status_code < 500:
                return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise SystemExit(f"the service ended with exit code {service.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, such as a git worktree of an earlier commit")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--port", type=int, default=5091)
    asked = parser.parse_args()
    checkouts = {"this": ROOT} | ({"other": asked.against.resolve()} if asked.against else {})
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in checkouts}
    for _ in range(asked.repeats):
        for name, checkout in checkouts.items():
            runs[name].append(measured(checkout, asked.port))
    found = {}
    for name, each in runs.items():
        seconds, memory = (sorted(column) for column in zip(*each, strict=True))
        found[name] = {"seconds": statistics.median(seconds), "mib": statistics.median(memory)}
        print(
            f"{name:6} answers after {found[name]['seconds']:.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f}), holds "
            f"{found[name]['mib']:.0f} MiB ({memory[0]:.0f} to {memory[-1]:.0f})"
        )
    print(json.dumps({name: {key: round(value, 2) for key, value in each.items()} for name, each in found.items()}))


if __name__ == "__main__":
    main()
