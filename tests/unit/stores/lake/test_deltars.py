import os
import subprocess
import sys
import textwrap
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.lake.base import Table, Transaction
from quikapp_ml.stores.lake.deltars import DeltaLake

COLUMNS = pa.schema([("who", pa.string()), ("day", pa.string())])
VISITS = Table("quikapp_ml.bronze.visits", COLUMNS, ("who",), "Who came.", partition_by=("day",))


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLake:
    lake = DeltaLake(str(tmp_path))
    lake.ensure(VISITS)
    return lake


def test_a_table_is_a_folder_that_any_delta_reader_opens(lake: DeltaLake, tmp_path: Path) -> None:
    lake.append(VISITS.name, pa.table({"who": ["ada"], "day": ["monday"]}))
    assert lake.uri(VISITS.name) == (tmp_path / "bronze" / "visits").as_uri()
    table = deltalake.DeltaTable(str(tmp_path / "bronze" / "visits"))
    assert table.metadata().name == "quikapp_ml.bronze.visits"
    assert table.metadata().description == "Who came."
    assert table.metadata().partition_columns == ["day"]
    assert table.to_pyarrow_table().to_pylist() == [{"who": "ada", "day": "monday"}]


def test_transactions_outlive_the_lake_and_a_checkpoint(lake: DeltaLake, tmp_path: Path) -> None:
    for number in range(105):
        lake.append(VISITS.name, pa.table({"who": [str(number)]}), Transaction("spool", number))
    assert (tmp_path / "bronze" / "visits" / "_delta_log" / "_last_checkpoint").exists()
    again = DeltaLake(str(tmp_path))
    assert again.transaction_number(VISITS.name, "spool") == 104
    assert again.append(VISITS.name, pa.table({"who": ["x"]}), Transaction("spool", 104)) == 105
    assert again.read(VISITS.name, version=50).num_rows == 50


def test_compaction_leaves_fewer_files(lake: DeltaLake, tmp_path: Path) -> None:
    for index in range(10):
        lake.append(VISITS.name, pa.table({"who": [str(index)], "day": ["monday"]}))
    lake.compact(VISITS.name)
    assert len(deltalake.DeltaTable(str(tmp_path / "bronze" / "visits")).file_uris()) == 1


def test_another_catalog_is_refused(lake: DeltaLake) -> None:
    with pytest.raises(InvalidInput, match="catalog 'quikapp_ml' only"):
        lake.exists("other.bronze.visits")


def test_a_version_whose_files_of_the_log_are_gone(lake: DeltaLake, tmp_path: Path) -> None:
    for number in range(105):
        lake.append(VISITS.name, pa.table({"who": [str(number)]}))
    (tmp_path / "bronze" / "visits" / "_delta_log" / f"{3:020}.json").unlink()
    with pytest.raises(NotFound, match=r"version 3 of table .* is no longer kept"):
        lake.read(VISITS.name, version=3)
    assert lake.read(VISITS.name).num_rows == 105


def test_a_half_made_table_is_not_there_and_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "bronze" / "visits" / "_delta_log").mkdir(parents=True)
    lake = DeltaLake(str(tmp_path))
    assert not lake.exists(VISITS.name)
    assert lake.names() == []
    lake.ensure(VISITS)
    assert lake.version(VISITS.name) == 0


def test_a_relative_folder_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = DeltaLake("lake")
    monkeypatch.chdir("/")
    lake.ensure(VISITS)
    assert (tmp_path / "lake" / "bronze" / "visits").is_dir()


def test_a_percent_sign_in_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must not hold the character %"):
        DeltaLake(str(tmp_path / "a%20b"))


def test_a_file_in_the_way_is_storage_failed(tmp_path: Path) -> None:
    (tmp_path / "bronze").write_text("not a folder")
    with pytest.raises(StorageFailed, match=r"bronze.visits:"):
        DeltaLake(str(tmp_path)).ensure(VISITS)


def test_a_broken_log_is_storage_failed_and_stays_as_it_is(lake: DeltaLake, tmp_path: Path) -> None:
    commit = tmp_path / "bronze" / "visits" / "_delta_log" / f"{0:020}.json"
    commit.write_text("not a commit\n")
    for call in (lake.version, lake.read, lake.history):
        with pytest.raises(StorageFailed):
            call(VISITS.name)
    with pytest.raises(StorageFailed):
        lake.append(VISITS.name, pa.table({"who": ["ada"]}))
    assert commit.read_text() == "not a commit\n"
    assert [file.name for file in commit.parent.iterdir()] == [commit.name]


def test_a_missing_data_file_is_storage_failed(lake: DeltaLake, tmp_path: Path) -> None:
    lake.append(VISITS.name, pa.table({"who": ["ada"]}))
    for file in (tmp_path / "bronze" / "visits").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(StorageFailed, match=r"bronze.visits:"):
        lake.read(VISITS.name)


def test_a_full_disk_is_storage_failed_and_the_table_stays_as_it_was(lake: DeltaLake, tmp_path: Path) -> None:
    lake.append(VISITS.name, pa.table({"who": ["ada"]}), Transaction("spool", 1))
    program = textwrap.dedent("""
        import os, resource, sys
        import pyarrow as pa
        from quikapp_ml.errors import StorageFailed
        from quikapp_ml.stores.lake.base import Transaction
        from quikapp_ml.stores.lake.deltars import DeltaLake

        lake = DeltaLake(sys.argv[1])
        rows = pa.table({"who": [os.urandom(50).hex() for _ in range(10_000)]})
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # no file may grow larger
        try:
            lake.append("quikapp_ml.bronze.visits", rows, Transaction("spool", 2))
        except StorageFailed:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            lake.append("quikapp_ml.bronze.visits", pa.table({"who": ["bob"]}), Transaction("spool", 2))
            sys.exit(0)
        sys.exit("the append went through")
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(lake.read(VISITS.name, ["who"]).column("who").to_pylist()) == ["ada", "bob"]
