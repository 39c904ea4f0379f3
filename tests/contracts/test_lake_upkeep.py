"""What every lake promises of its upkeep: sizes are told, old rows go, and versions that are spared stay readable."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlparse

import deltalake
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.memory import MemoryLake
from support.clouds import CLOUD_ROOTS

TIME = pa.timestamp("us", tz="UTC")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
VISITS = Table("quikapp_ml.silver.visits", pa.schema([("n", pa.int64()), ("at", TIME)]), ("n",), "Who came when.")
NAME = VISITS.name


@pytest.fixture(params=["memory", "folder", *CLOUD_ROOTS])
def lake(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> Lake:
    if request.param == "memory":
        opened: Lake = MemoryLake()
    else:
        opened = open_lake(str(tmp_path / "a läke") if request.param == "folder" else cloud_root(request.param))
    opened.ensure(VISITS)
    return opened


def visits(*given: tuple[int, datetime | None]) -> pa.Table:
    return pa.Table.from_pylist([{"n": n, "at": at} for n, at in given], schema=VISITS.columns)


def numbers(lake: Lake, version: int | None = None) -> list[int]:
    return sorted(lake.read(NAME, ["n"], version)["n"].to_pylist())


class TestSize:
    def test_of_a_table(self, lake: Lake) -> None:
        assert (lake.size(NAME).rows, lake.size(NAME).files) == (0, 0)
        for n in range(3):
            lake.append(NAME, visits((n, NOW), (n, None)))
        size = lake.size(NAME)
        assert size.rows == 6
        assert size.bytes > 0
        assert size.files == size.small_files == (0 if isinstance(lake, MemoryLake) else 3)
        lake.compact(NAME)
        assert lake.size(NAME).files <= 1

    def test_of_a_partitioned_table_files_count_beside_each_other_only(self, tmp_path: Path) -> None:
        lake = open_lake(str(tmp_path))
        lake.ensure(Table(NAME, VISITS.columns, ("n",), "", partition_by=("n",)))
        for n in (1, 2, 2, 3):
            lake.append(NAME, visits((n, NOW)))
        assert (lake.size(NAME).files, lake.size(NAME).small_files) == (4, 2)
        lake.compact(NAME)
        assert (lake.size(NAME).files, lake.size(NAME).small_files) == (3, 0)

    def test_without_the_table(self, lake: Lake) -> None:
        for call in (
            lake.size,
            lambda name: lake.trim_log(name, timedelta(1)),
            lambda name: lake.vacuum(name, NOW - NOW),
        ):
            with pytest.raises(NotFound):
                call("quikapp_ml.silver.nowhere")


class TestDeletingOldRows:
    def test_rows_of_before_the_time_go_and_those_of_it_stay(self, lake: Lake) -> None:
        moment = timedelta(microseconds=1)
        before = lake.append(NAME, visits((1, NOW - moment), (2, NOW), (3, NOW + moment), (4, None)))
        assert lake.delete_older(NAME, "at", NOW) == 1
        assert (numbers(lake), numbers(lake, before)) == ([2, 3, 4], [1, 2, 3, 4])

    def test_without_such_rows_there_is_no_commit(self, lake: Lake) -> None:
        version = lake.append(NAME, visits((1, NOW)))
        assert lake.delete_older(NAME, "at", NOW) == 0
        assert lake.version(NAME) == version

    def test_of_a_column_that_is_not_there(self, lake: Lake) -> None:
        with pytest.raises(InvalidInput, match="no column nope"):
            lake.delete_older(NAME, "nope", NOW)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(offsets=st.lists(st.none() | st.integers(-(10**12), 10**12), max_size=6), cut=st.integers(-(10**12), 10**12))
    def test_as_a_filter_would(self, lake: Lake, offsets: list[int | None], cut: int) -> None:
        times = [None if offset is None else NOW + timedelta(microseconds=offset) for offset in offsets]
        lake.overwrite(NAME, visits(*enumerate(times)))
        last = NOW + timedelta(microseconds=cut)
        kept = [n for n, at in enumerate(times) if at is None or at >= last]
        assert lake.delete_older(NAME, "at", last) == len(times) - len(kept)
        assert numbers(lake) == kept


class TestSparing:
    def test_a_version_to_spare_stays_readable_and_others_go(self, lake: Lake) -> None:
        versions = [lake.overwrite(NAME, visits((n, NOW))) for n in range(4)]
        wanted = lake.vacuum(NAME, timedelta(0), [versions[1]], dry_run=True)
        assert [numbers(lake, version) for version in versions] == [[0], [1], [2], [3]]
        assert lake.vacuum(NAME, timedelta(0), [versions[1]]) == wanted > 0
        assert (numbers(lake, versions[1]), numbers(lake)) == ([1], [3])
        after = lake.version(NAME)
        assert lake.vacuum(NAME, timedelta(0), [versions[1]]) == 0
        assert lake.version(NAME) == after, "what is gone is no reason for a commit"
        for version in (versions[0], versions[2]):
            with pytest.raises(NotFound, match="no longer kept"):
                lake.read(NAME, version=version)

    def test_with_nothing_to_delete_there_is_no_commit(self, lake: Lake) -> None:
        version = lake.overwrite(NAME, visits((1, NOW)))
        lake.vacuum(NAME, timedelta(days=1))
        assert lake.version(NAME) == version

    def test_files_of_partitions_with_odd_names_go_too(self, tmp_path: Path) -> None:
        lake = open_lake(str(tmp_path / "a läke"))
        odd = Table(NAME, pa.schema([("at", pa.string()), ("n", pa.int64())]), ("at",), "", partition_by=("at",))
        lake.ensure(odd)
        for n in (1, 2):
            lake.overwrite(NAME, pa.table({"at": ["a b%/é=ü", "plain"], "n": [n, n]}))
        assert lake.vacuum(NAME, timedelta(0)) == 2
        assert len(list((tmp_path / "a läke").rglob("*.parquet"))) == 2
        assert lake.vacuum(NAME, timedelta(0)) == 0

    def test_versions_that_are_not_there_are_nobodys_fault(self, lake: Lake) -> None:
        first = lake.overwrite(NAME, visits((1, NOW)))
        lake.overwrite(NAME, visits((2, NOW)))
        lake.vacuum(NAME, timedelta(0), [first, 777])
        assert (numbers(lake), numbers(lake, first)) == ([2], [1])


class TestLog:
    def test_what_is_recent_or_spared_stays_readable(self, lake: Lake) -> None:
        versions = [lake.overwrite(NAME, visits((n, NOW))) for n in range(4)]
        lake.trim_log(NAME, timedelta(days=1), [versions[0], 777])
        assert [numbers(lake, version) for version in versions] == [[0], [1], [2], [3]]
        again = lake.version(NAME)
        lake.trim_log(NAME, timedelta(days=1), [versions[0]])
        assert lake.version(NAME) == again


class TestFilesOfWhichNoLogTells:
    """They are as old as the file system says; versions are told apart by what they are made of."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        lake = open_lake(str(tmp_path))
        lake.ensure(VISITS)
        for n in range(3):
            lake.overwrite(NAME, visits((n, NOW)))
        return lake

    def forget(self, lake: Lake, folder: Path, **properties: str) -> None:
        """Make all files old, and the log forget those that were removed, a checkpoint later."""
        table = deltalake.DeltaTable(lake.uri(NAME))
        forgotten_at_once = {"delta.deletedFileRetentionDuration": "interval 0 seconds"}
        table.alter.set_table_properties(forgotten_at_once | properties, raise_if_not_exists=False)
        time.sleep(0.01)
        lake.append(NAME, visits((3, NOW)))
        deltalake.DeltaTable(lake.uri(NAME)).create_checkpoint()
        for file in folder.rglob("*.parquet"):
            if file.parent.name != "_delta_log":
                os.utime(file, (0, 0))

    def told_since(self, days: int) -> dict[str, str]:
        return {"quikapp_ml.upkeep.told_since": (datetime.now(UTC) - timedelta(days=days)).isoformat()}

    def test_they_go_but_for_those_of_spared_versions_and_new_ones(self, lake: Lake, tmp_path: Path) -> None:
        self.forget(lake, tmp_path, **self.told_since(days=3))
        folder = next((tmp_path / "silver").iterdir())
        left_behind, about_to_be_named = folder / "part-old.parquet", folder / "part-new.parquet"
        left_behind.write_bytes(b"killed")
        os.utime(left_behind, (0, 0))
        about_to_be_named.write_bytes(b"busy")
        assert lake.vacuum(NAME, timedelta(days=2), [2], dry_run=True) == 2
        assert lake.vacuum(NAME, timedelta(days=2), [2]) == 2
        assert (left_behind.exists(), about_to_be_named.exists()) == (False, True)
        assert (numbers(lake), numbers(lake, 2)) == ([2, 3], [1])
        with pytest.raises(NotFound, match="no longer kept"):
            lake.read(NAME, version=1)

    @pytest.mark.parametrize(("days", "keep"), [(1, 2), (9, 0), (None, 2)])
    def test_not_before_it_is_sure_that_nobody_needs_them(
        self, lake: Lake, tmp_path: Path, days: int | None, keep: int
    ) -> None:
        self.forget(lake, tmp_path, **({} if days is None else self.told_since(days)))
        assert lake.vacuum(NAME, timedelta(days=keep)) == 0
        assert [numbers(lake, version) for version in (1, 2, 3)] == [[0], [1], [2]]

    def test_the_upkeep_says_since_when_the_log_tells_long_enough(self, lake: Lake) -> None:
        lake.trim_log(NAME, timedelta(days=30))
        first = lake.properties(NAME)["quikapp_ml.upkeep.told_since"]
        lake.trim_log(NAME, timedelta(days=30), [1])
        assert lake.properties(NAME)["quikapp_ml.upkeep.told_since"] == first
        lake.trim_log(NAME, timedelta(days=60))
        assert lake.properties(NAME)["quikapp_ml.upkeep.told_since"] > first
        assert lake.declaration(NAME) == VISITS
        version = lake.version(NAME)
        lake.ensure(VISITS)
        assert lake.version(NAME) == version


class TestLogOfAFolder:
    """Commits are as old as their files."""

    def aged(self, folder: Path, days: Callable[[int], float]) -> Lake:
        lake = open_lake(str(folder))
        lake.ensure(VISITS)
        for n in range(1, 31):
            lake.overwrite(NAME, visits((n, NOW)))
            if n in (10, 20):
                deltalake.DeltaTable(lake.uri(NAME)).create_checkpoint()
        log = Path(unquote(urlparse(lake.uri(NAME)).path)) / "_delta_log"
        for entry in log.glob("0*"):
            version = int(entry.name[:20])
            then = time.time() - 86400 * days(version) + version
            os.utime(entry, (then, then))
        return lake

    def readable(self, lake: Lake) -> list[int]:
        found = []
        for version in range(31):
            try:
                deltalake.DeltaTable(lake.uri(NAME), version=version)
            except deltalake.exceptions.DeltaError:
                continue
            found.append(version)
        return found

    def test_entries_go_up_to_the_last_that_is_needed(self, tmp_path: Path) -> None:
        lake = self.aged(tmp_path, lambda version: 300 if version < 25 else 20 if version < 28 else 1)
        lake.trim_log(NAME, timedelta(days=10))
        assert self.readable(lake) == list(range(20, 31))
        assert numbers(lake) == [30]

    def test_a_version_that_was_the_newest_for_long_stays(self, tmp_path: Path) -> None:
        lake = self.aged(tmp_path, lambda version: 300 if version < 25 else 1)
        lake.trim_log(NAME, timedelta(days=10))
        assert self.readable(lake) == list(range(31))

    def test_a_spared_version_and_what_came_after_it_stays(self, tmp_path: Path) -> None:
        lake = self.aged(tmp_path, lambda version: 300 if version < 15 else 100 if version < 25 else 1)
        lake.trim_log(NAME, timedelta(days=10), [17])
        assert self.readable(lake) == list(range(10, 31))

    def test_no_writer_forgets_them_by_itself(self, tmp_path: Path) -> None:
        lake = self.aged(tmp_path, lambda _: 100)
        deltalake.DeltaTable(lake.uri(NAME)).create_checkpoint()
        for n in range(75):
            lake.append(NAME, visits((n, NOW)))
        assert self.readable(lake) == list(range(31))
