import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.memory import MemoryLake


def test_an_engine_is_told_that_there_are_no_files() -> None:
    lake = MemoryLake()
    lake.ensure(Table("quikapp_ml.bronze.visits", pa.schema([("who", pa.string())]), ("who",), ""))
    with pytest.raises(InvalidInput, match="use a lake in a folder"):
        lake.uri("quikapp_ml.bronze.visits")
