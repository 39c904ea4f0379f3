import pytest
from prometheus_client.parser import text_string_to_metric_families

from quikapp_ml.serving.endpoint_telemetry import BUCKETS_MS, HISTOGRAMS, EntityTelemetry, ProcessLoad, exposition


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_counts_are_of_the_last_minute(clock: Clock) -> None:
    telemetry = EntityTelemetry(clock)
    for status in (200, 200, 404, 503):
        telemetry.observe(status, 1.0, 1.0, 0.0)
    clock.now += 59
    telemetry.observe(400, 1.0, 1.0, 0.0)
    assert telemetry.counts() == (5, 2, 1)
    clock.now += 1
    assert telemetry.counts() == (1, 1, 0)
    clock.now += 60
    assert telemetry.counts() == (0, 0, 0)


def test_histograms_are_cumulative_and_a_bound_is_in_its_bucket(clock: Clock) -> None:
    telemetry = EntityTelemetry(clock)
    for latency in (0.1, 0.5, 0.6, 10**9):
        telemetry.observe(200, latency, latency / 2, 0.0)
    counts, total = telemetry.histogram("request_latency_ms")
    by_bound = dict(zip(BUCKETS_MS, counts, strict=False))
    assert (by_bound[0.25], by_bound[0.5], by_bound[1.0], by_bound[600_000.0], counts[-1]) == (1, 2, 3, 3, 4)
    assert total == pytest.approx(10**9 + 1.2)


def test_the_text_is_prometheus_with_the_names_of_databricks(clock: Clock) -> None:
    telemetry = EntityTelemetry(clock)
    telemetry.observe(200, 3.0, 2.0, 1.0)
    text = exposition("mine", {"a-1": telemetry, "b-2": EntityTelemetry(clock)}, {"a-1": 4}, ProcessLoad())
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) == {
        "request_count_total", "request_4xx_count_total", "request_5xx_count_total", "cpu_usage_percentage",
        "mem_usage_percentage", "provisioned_concurrent_requests_total", *HISTOGRAMS,
    }  # fmt: skip
    counted = {sample.labels["served_entity_name"]: sample.value for sample in families["request_count_total"].samples}
    assert counted == {"a-1": 1.0, "b-2": 0.0}
    assert 0 < families["mem_usage_percentage"].samples[0].value < 100
    last = [each for each in families["request_latency_ms"].samples if each.labels.get("le") == "+Inf"]
    assert [each.value for each in last] == [1.0, 0.0]
