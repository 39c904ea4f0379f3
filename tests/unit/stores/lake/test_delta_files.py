from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.delta_files import SAMPLE, properties_of

COLUMNS = pa.schema(
    [("id", pa.string()), ("kind", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("value", pa.float64())]
)
READS = Table("quikapp_ml.silver.reads", COLUMNS, ("id",), "")
START = datetime(2026, 1, 1, tzinfo=UTC)


def _rows(n: int) -> pa.Table:
    given = {
        "id": [f"m{number}" for number in range(n)],
        "kind": [("read", "seen")[number % 2] for number in range(n)],
        "at": [START + timedelta(seconds=number) for number in range(n)],
        "value": [float(number) for number in range(n)],
    }
    return pa.table(given, schema=COLUMNS)


@pytest.mark.parametrize("written_by", ["append", "overwrite", "replace"])
def test_ids_and_times_have_no_dictionary(tmp_path: Path, written_by: str) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(READS)
    rows = _rows(SAMPLE)
    if written_by == "replace":
        lake.replace(READS.name, "kind", ["read", "seen"], rows)
    else:
        getattr(lake, written_by)(READS.name, rows)

    (file,) = tmp_path.rglob("*.parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    told = {column.path_in_schema: column.has_dictionary_page for column in columns}
    assert told == {"id": False, "kind": True, "at": False, "value": True}
    assert lake.read(READS.name).sort_by("at").equals(rows)


def test_a_few_rows_and_empty_columns_are_written_as_ever() -> None:
    nothing = pa.table({"id": pa.nulls(SAMPLE, pa.string())})
    for rows in (_rows(SAMPLE - 1), nothing):
        assert not properties_of(rows).column_properties
