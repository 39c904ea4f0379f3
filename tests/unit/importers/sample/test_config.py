from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.importers.sample import SampleConfig


@pytest.mark.parametrize(
    ("given", "field"), [({"users": 1}, "users"), ({"users": 2_000_000}, "users"), ({"days": 0}, "days")]
)
def test_a_size_that_cannot_be_made_is_refused_by_name(given: dict[str, int], field: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} is {given[field]}; allowed is") as caught:
        SampleConfig(**given)  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == [field]


def test_an_end_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="until is 2026-05-01T00:00:00 without a time zone"):
        SampleConfig(until=datetime(2026, 5, 1))


def test_the_first_day_must_be_one_that_events_may_have() -> None:
    with pytest.raises(InvalidInput, match="is too early"):
        SampleConfig(days=100, until=datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=50))
