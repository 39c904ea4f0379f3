"""Operational numbers in Prometheus' text form, in a registry of their own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.registry import Collector
from starlette.requests import Request

from quikapp_ml.api.deps import Service
from quikapp_ml.entities.decisions import Receipt

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER_ROUTE = "(other)"
"""Label of every path that no route has, so that guessed paths do not grow the numbers."""


class Telemetry:
    """The counters of one process. Labels are route templates and statuses, never paths, people or texts."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the text and tell nothing
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "quikapp_ml_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "quikapp_ml_http_request_seconds",
            "Time from a request's head to the last byte of its answer.",
            ("route",),
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._events = Counter(
            "quikapp_ml_events", "Events that were sent, by what became of them.", ("outcome",), registry=self.registry
        )
        self._degraded = Counter(
            "quikapp_ml_degraded_answers", "Answers without their model.", ("route",), registry=self.registry
        )
        for outcome in ("accepted", "duplicate", "rejected"):
            self._events.labels(outcome)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def took(self, receipt: Receipt) -> None:
        """Count the events of one list."""
        self._events.labels("accepted").inc(receipt.accepted)
        self._events.labels("duplicate").inc(receipt.duplicates)
        self._events.labels("rejected").inc(len(receipt.rejected))

    def degraded(self, route: str) -> None:
        """Count one answer that rules gave because no model could."""
        self._degraded.labels(route).inc()

    def watch(self, service: Service) -> None:
        """Show the numbers of a service, read when somebody asks for them."""
        self.registry.register(_ServiceNumbers(service))

    def text(self) -> bytes:
        """All numbers now."""
        return generate_latest(self.registry)


def telemetry_of(request: Request) -> Telemetry:
    """The counters of this process."""
    telemetry: Telemetry = request.app.state.telemetry
    return telemetry


def note_degraded(request: Request, degraded: bool) -> None:
    """Count the answer when rules gave it."""
    if degraded:
        telemetry_of(request).degraded(request.scope["route"].path)


class _ServiceNumbers(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Read the service's own counters."""
        spool, writer = self._service.spool, self._service.lake_writer
        ledger, models = self._service.ledger, self._service.models
        yield _gauge("spool_pending_bytes", "Bytes that wait for the tables.", spool.pending_bytes)
        yield _gauge("spool_lag_frames", "Frames that wait for the tables.", writer.lag_frames)
        yield _gauge("lake_writer_failing", "1 while the tables do not take rows.", int(writer.last_error is not None))
        yield _counter("decisions_recorded", "Decisions written down.", ledger.recorded)
        yield _counter("decisions_lost", "Decisions that could not be written down.", ledger.lost)
        tried = self._service.experiments
        yield _counter("experiment_fallbacks", "Answers by control in place of a variant.", tried.fallbacks)
        yield _counter("experiment_failures", "Failures of experiments that reached no answer.", tried.failures)
        yield _counter("model_swaps", "Model versions that took another's place.", models.swaps)
        yield _counter("model_failures", "Model versions that could not be loaded.", models.failures)
        batcher = self._service.batcher
        yield _gauge("batch_waiting_tokens", "Tokens of texts that wait to be read.", batcher.waiting_tokens)
        yield _counter("batch_refused", "Requests refused because too much waited.", batcher.refused)
        yield self._releases()
        yield _gauge("ready", "1 when questions can be answered.", int(self._service.health.is_ready()))
        yield self._feature_ages()
        yield self._model_info()

    def _feature_ages(self) -> Metric:
        ages = GaugeMetricFamily(
            "quikapp_ml_features_age_seconds",
            "Since the newest event counted (live), and since each feature table was published.",
            labels=("source",),
        )
        for source, seconds in self._service.online_features.ages().items():
            ages.add_metric((source,), seconds)
        return ages

    def _releases(self) -> Metric:
        releases = CounterMetricFamily(
            "quikapp_ml_batch_releases",
            "Batches of texts that were read, by why they waited no longer.",
            labels=("reason",),
        )
        for reason, times in self._service.batcher.released.items():
            releases.add_metric((reason,), times)
        return releases

    def _model_info(self) -> Metric:
        info = GaugeMetricFamily(
            "quikapp_ml_model_info", "Model versions that answer.", labels=("name", "version", "number", "alias")
        )
        for loaded in self._service.models.loaded():
            number = "" if loaded.number is None else str(loaded.number)
            info.add_metric((loaded.ref.name, loaded.ref.version, number, loaded.alias or ""), 1)
        return info


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"quikapp_ml_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"quikapp_ml_{name}", meaning, value=value)
