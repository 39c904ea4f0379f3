import pytest

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import PROMOTIONS
from quikapp_ml.training.pinned import PinnedLake
from support.toy_model import READINGS, readings

NAME = READINGS.name


def test_it_reads_what_was_there_when_it_was_pinned(lake: MemoryLake) -> None:
    pinned = PinnedLake(lake, [NAME])
    before = lake.version(NAME)
    lake.append(NAME, readings(10, first=50))
    assert lake.read(NAME).num_rows == 60
    assert pinned.read(NAME).num_rows == 50
    assert pinned.version(NAME) == before < lake.version(NAME)
    assert dict(pinned.versions) == {NAME: before}


def test_older_versions_and_columns_can_be_read(lake: MemoryLake) -> None:
    pinned = PinnedLake(lake, [NAME])
    assert pinned.read(NAME, version=0).num_rows == 0
    assert pinned.read(NAME, ["label"]).column_names == ["label"]


def test_history_ends_at_the_pinned_version(lake: MemoryLake) -> None:
    pinned = PinnedLake(lake, [NAME])
    lake.append(NAME, readings(10, first=50))
    assert [commit.version for commit in pinned.history(NAME)] == [1, 0]
    assert [commit.version for commit in pinned.history(NAME, limit=1)] == [1]


def test_a_table_that_was_not_pinned_is_not_there(lake: MemoryLake) -> None:
    lake.ensure(PROMOTIONS)
    pinned = PinnedLake(lake, [NAME])
    assert pinned.names() == [NAME]
    assert pinned.exists(NAME)
    assert not pinned.exists(PROMOTIONS.name)
    with pytest.raises(NotFound, match="is not pinned; pinned are"):
        pinned.read(PROMOTIONS.name)


def test_a_table_that_does_not_exist_cannot_be_pinned() -> None:
    with pytest.raises(NotFound):
        PinnedLake(MemoryLake(), [NAME])


def test_writing_is_refused(lake: MemoryLake) -> None:
    pinned = PinnedLake(lake, [NAME])
    for write in (
        lambda: pinned.ensure(READINGS),
        lambda: pinned.append(NAME, readings(1)),
        lambda: pinned.overwrite(NAME, readings(1)),
        lambda: pinned.compact(NAME),
    ):
        with pytest.raises(Conflict, match="read only here"):
            write()
    assert lake.read(NAME).num_rows == 50
