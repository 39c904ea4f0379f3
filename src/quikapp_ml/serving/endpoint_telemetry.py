"""Numbers of a serving endpoint under the names that Databricks exports, in Prometheus' text form."""

import os
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

BUCKETS_MS = (
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0,
    1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0, 120_000.0, 300_000.0, 600_000.0,
)  # fmt: skip
WINDOW_SECONDS = 60
"""Databricks' counts are of the last minute, whatever `_total` in their names says."""

HISTOGRAMS = {
    "request_latency_ms": "Time from a request's head to its answer, in milliseconds.",
    "model_prediction_latency_ms": "Time that the model took, in milliseconds.",
    "model_queue_time_ms": "Time that a request waited for its model, in milliseconds.",
}
_GAUGES = {
    "request_count_total": "Requests in the last minute.",
    "request_4xx_count_total": "Requests in the last minute that were refused.",
    "request_5xx_count_total": "Requests in the last minute that failed.",
}


class EntityTelemetry:
    """The numbers of one served entity. Counts are of the last minute, histograms since the service started."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: deque[list[int]] = deque()
        """One list a second in which something came: the second, all requests, refused, failed."""
        self._buckets = {name: [0] * (len(BUCKETS_MS) + 1) for name in HISTOGRAMS}
        self._sums = dict.fromkeys(HISTOGRAMS, 0.0)
        self.failed = 0
        """Requests that failed since the service started."""

    def observe(self, status: int, request_ms: float, model_ms: float, queue_ms: float) -> None:
        """Count one request."""
        second = int(self._clock())
        with self._lock:
            if not self._seconds or self._seconds[-1][0] != second:
                self._seconds.append([second, 0, 0, 0])
                self._forget(second)
            slot = self._seconds[-1]
            slot[1] += 1
            slot[2] += 400 <= status < 500
            slot[3] += status >= 500
            self.failed += status >= 500
            for name, value in zip(HISTOGRAMS, (request_ms, model_ms, queue_ms), strict=True):
                self._buckets[name][bisect_left(BUCKETS_MS, value)] += 1
                self._sums[name] += value

    def counts(self) -> tuple[int, int, int]:
        """Requests of the last minute: all, refused, failed."""
        with self._lock:
            self._forget(int(self._clock()))
            return (
                sum(slot[1] for slot in self._seconds),
                sum(slot[2] for slot in self._seconds),
                sum(slot[3] for slot in self._seconds),
            )

    def histogram(self, name: str) -> tuple[list[int], float]:
        """Cumulative counts by bucket, the last one of everything, and the sum of all values."""
        with self._lock:
            total, cumulative = 0, []
            for count in self._buckets[name]:
                total += count
                cumulative.append(total)
            return cumulative, self._sums[name]

    def _forget(self, now: int) -> None:
        while self._seconds and self._seconds[0][0] <= now - WINDOW_SECONDS:
            self._seconds.popleft()


class ProcessLoad:
    """How busy this process is, between one look and the next."""

    def __init__(self) -> None:
        self._cpu_seconds = time.process_time()
        self._at = time.monotonic()
        self._percent = 0.0

    def cpu_percent(self) -> float:
        """Share of the machine's processors since the last look, at most one a second."""
        now, used = time.monotonic(), time.process_time()
        if now - self._at >= 1:
            self._percent = 100 * (used - self._cpu_seconds) / (now - self._at) / (os.cpu_count() or 1)
            self._at, self._cpu_seconds = now, used
        return self._percent

    def memory_percent(self) -> float:
        """Share of the machine's memory that is resident."""
        try:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return 0.0
        return 100 * pages / os.sysconf("SC_PHYS_PAGES")


def exposition(
    endpoint: str, entities: Mapping[str, EntityTelemetry], concurrency: Mapping[str, int], load: ProcessLoad
) -> str:
    """The text of `GET …/metrics`: samples by endpoint and served entity."""
    labels = {name: f'endpoint_name="{endpoint}",served_entity_name="{name}"' for name in entities}
    counts = {name: entity.counts() for name, entity in entities.items()}
    lines: list[str] = []
    for place, (name, meaning) in enumerate(_GAUGES.items()):
        lines += _gauge(name, meaning, ((labels[entity], counts[entity][place]) for entity in entities))
    whole = f'endpoint_name="{endpoint}"'
    lines += _gauge("cpu_usage_percentage", "Of the process that serves it.", [(whole, load.cpu_percent())])
    lines += _gauge("mem_usage_percentage", "Of the process that serves it.", [(whole, load.memory_percent())])
    provisioned = ((labels[entity], concurrency.get(entity, 0)) for entity in entities)
    lines += _gauge("provisioned_concurrent_requests_total", "Requests that may run at once.", provisioned)
    for name, meaning in HISTOGRAMS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} histogram"]
        for entity, telemetry in entities.items():
            lines += _histogram(name, labels[entity], telemetry)
    return "\n".join(lines) + "\n"


def _gauge(name: str, meaning: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    return [
        f"# HELP {name} {meaning}",
        f"# TYPE {name} gauge",
        *(f"{name}{{{labels}}} {float(value):g}" for labels, value in samples),
    ]


def _histogram(name: str, labels: str, telemetry: EntityTelemetry) -> list[str]:
    cumulative, total = telemetry.histogram(name)
    bounds = [f"{bound:g}" for bound in BUCKETS_MS] + ["+Inf"]
    return [
        *(f'{name}_bucket{{{labels},le="{le}"}} {n}' for le, n in zip(bounds, cumulative, strict=True)),
        f"{name}_sum{{{labels}}} {total}",
        f"{name}_count{{{labels}}} {cumulative[-1]}",
    ]
