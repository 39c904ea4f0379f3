from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.training.build_log import Build, BuildLog

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
VERSIONS = {"quikapp_ml.bronze.events": 7, "quikapp_ml.silver.messages": 2}


@pytest.fixture
def lake() -> Lake:
    return open_lake("memory://")


def done(lake: Lake, built_at: datetime, *, is_full: bool = False) -> Build:
    log = BuildLog(lake)
    build = log.begin(built_at, NOON, "by these", is_full=is_full)
    log.end(build, VERSIONS, NOON)
    return build


def test_at_first_there_is_none(lake: Lake) -> None:
    log = BuildLog(lake)
    assert log.last is None
    assert log.cut_off == []


def test_the_last_that_was_done_with_what_it_made(lake: Lake) -> None:
    done(lake, NOON, is_full=True)
    done(lake, LATER)
    assert BuildLog(lake).last == Build(2, False, LATER, NOON, "by these", NOON, VERSIONS)
    assert BuildLog(lake).cut_off == []


def test_those_that_were_begun_since_and_not_done_are_known_by_their_times(lake: Lake) -> None:
    BuildLog(lake).begin(NOON - timedelta(days=1), NOON, "by these", is_full=True)
    done(lake, NOON)
    for hours in (1, 2):
        BuildLog(lake).begin(NOON + timedelta(hours=hours), NOON, "by these", is_full=False)
    log = BuildLog(lake)
    assert log.last is not None
    assert log.last.number == 2
    assert sorted(log.cut_off) == [NOON + timedelta(hours=1), NOON + timedelta(hours=2)]


def test_a_build_that_is_done_ends_the_story_of_those_cut_off(lake: Lake) -> None:
    BuildLog(lake).begin(NOON, NOON, "by these", is_full=True)
    done(lake, LATER)
    assert BuildLog(lake).cut_off == []
