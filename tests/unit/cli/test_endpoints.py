import math

import pytest

from quikapp_ml.cli.endpoints import measures, quantile
from quikapp_ml.serving.endpoint_telemetry import EntityTelemetry, ProcessLoad, exposition

INF = math.inf


@pytest.mark.parametrize(
    ("buckets", "share", "value"),
    [
        ([(1.0, 50.0), (2.0, 100.0), (INF, 100.0)], 0.5, 1.0),
        ([(1.0, 50.0), (2.0, 100.0), (INF, 100.0)], 0.75, 1.5),
        ([(1.0, 0.0), (2.0, 10.0), (INF, 10.0)], 0.5, 1.5),
        ([(1.0, 1.0), (INF, 10.0)], 0.99, 1.0),  # no more is known than that it was above
        ([(1.0, 0.0), (INF, 0.0)], 0.5, None),
        ([], 0.5, None),
    ],
)
def test_quantiles_are_those_of_prometheus(
    buckets: list[tuple[float, float]], share: float, value: float | None
) -> None:
    assert quantile(buckets, share) == value


def test_the_numbers_of_each_entity_are_read_from_the_exposition() -> None:
    fast, slow = EntityTelemetry(lambda: 1.0), EntityTelemetry(lambda: 1.0)
    for _ in range(99):
        fast.observe(200, 0.3, 0.2, 0.0)
    fast.observe(200, 700.0, 0.2, 0.0)
    slow.observe(500, 40.0, 39.0, 0.0)
    found = measures(exposition("mine", {"fast": fast, "slow": slow}, {}, ProcessLoad()))
    buckets, total, last_minute = found["fast"]
    assert (total, last_minute, found["slow"][1]) == (100, 100, 1)
    assert 0.25 <= (quantile(buckets, 0.5) or 0) <= 0.5
    assert 25 <= (quantile(found["slow"][0], 0.99) or 0) <= 50


def test_an_exposition_without_histograms_has_counts_only() -> None:
    text = 'request_count_total{served_entity_name="a"} 7 1700000000000\n'
    assert measures(text) == {"a": ([], 0.0, 7.0)}
