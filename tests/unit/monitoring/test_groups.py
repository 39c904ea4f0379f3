from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.monitoring.definition import GRANULARITIES
from quikapp_ml.monitoring.groups import ALL_MODELS, MAX_VALUES, end_of, models, slices, windows

TIME = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 11, 25, 12, 34, 56, tzinfo=UTC)  # a Wednesday


def at(*times: datetime | None) -> pa.Table:
    return pa.table({"at": pa.array(times, TIME), "n": list(range(len(times)))})


@pytest.mark.parametrize(
    ("granularity", "start", "end"),
    [
        ("5 minutes", datetime(2026, 11, 25, 12, 30), datetime(2026, 11, 25, 12, 35)),
        ("30 minutes", datetime(2026, 11, 25, 12, 30), datetime(2026, 11, 25, 13, 0)),
        ("1 hour", datetime(2026, 11, 25, 12), datetime(2026, 11, 25, 13)),
        ("1 day", datetime(2026, 11, 25), datetime(2026, 11, 26)),
        ("1 week", datetime(2026, 11, 23), datetime(2026, 11, 30)),
        ("1 month", datetime(2026, 11, 1), datetime(2026, 12, 1)),
        ("1 year", datetime(2026, 1, 1), datetime(2027, 1, 1)),
    ],
)
def test_a_time_is_in_the_window_of_the_clock(granularity: str, start: datetime, end: datetime) -> None:
    ((found, until, rows),) = windows(at(NOON), "at", granularity)
    assert (found, until) == (start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    assert rows["n"].to_pylist() == [0]


def test_december_ends_in_the_next_year() -> None:
    assert end_of(datetime(2026, 12, 1, tzinfo=UTC), "1 month") == datetime(2027, 1, 1, tzinfo=UTC)


@given(
    st.lists(st.datetimes(datetime(1999, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), max_size=20),
    st.sampled_from(sorted(GRANULARITIES)),
)
def test_every_row_with_a_time_is_in_one_window_and_windows_do_not_overlap(
    times: list[datetime], granularity: str
) -> None:
    rows = at(*times, None)
    found = list(windows(rows, "at", granularity))
    assert sorted(n for _, _, inside in found for n in inside["n"].to_pylist()) == list(range(len(times)))
    for start, end, inside in found:
        assert all(start <= time < end for time in inside["at"].to_pylist())
    for (_, end, _), (start, _, _) in pairwise(found):
        assert end <= start


def test_slices_are_the_most_frequent_values_in_order() -> None:
    values = [f"v{n:03}" for n in range(MAX_VALUES + 5)] + ["often", "often", None]
    rows = pa.table({"said": values, "n": list(range(len(values)))})
    found = list(slices(rows, ["key"], ["said"]))
    assert len(found) == MAX_VALUES
    assert [(key, value) for key, value, _ in found[:2]] == [("key", "often"), ("key", "v000")]
    assert found[0][2]["n"].to_pylist() == [MAX_VALUES + 5, MAX_VALUES + 6]


def test_models_are_looked_at_together_and_one_by_one() -> None:
    rows = pa.table({"version": [2, 1, 2, None]})
    found = {model: inside["version"].to_pylist() for model, inside in models(rows, "version")}
    assert found == {ALL_MODELS: [2, 1, 2, None], "1": [1], "2": [2, 2]}


def test_days_are_those_of_utc() -> None:
    rows = at(datetime(2026, 11, 25, 23, 59, tzinfo=UTC), datetime(2026, 11, 26, 0, 0, tzinfo=UTC))
    assert [start.day for start, _, _ in windows(rows, "at", "1 day")] == [25, 26]
    assert next(windows(rows, "at", "1 day"))[1] - timedelta(days=1) == datetime(2026, 11, 25, tzinfo=UTC)
