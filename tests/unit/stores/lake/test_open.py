import subprocess
import sys
from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake import BACKENDS, open_compute, open_lake
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.memory import MemoryLake


def test_each_scheme_opens_its_class(tmp_path: Path) -> None:
    assert isinstance(open_lake(str(tmp_path)), DeltaLake)
    assert isinstance(open_lake(tmp_path.as_uri()), DeltaLake)
    assert isinstance(open_lake("memory://"), MemoryLake)


@pytest.mark.parametrize(
    "url",
    ["s3://bucket", "s3://bucket/a/b/", "gs://bucket/a-b", "az://container/a", "abfss://box@me.dfs.core.windows.net/a"],
)
def test_object_stores_are_opened_without_asking_them(url: str) -> None:
    assert isinstance(open_lake(url), DeltaLake)


@pytest.mark.parametrize("url", ["ftp://user:secret-1@host/", "", "s3://secret-1@[bucket", "s3://secret-1\u2100/"])
def test_others_are_refused_with_what_is_allowed_and_without_keys(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"is empty|unknown scheme ftp://|cannot be read") as caught:
        open_lake(url)
    assert "a folder, file:///folder, s3://bucket/prefix" in str(caught.value)
    assert "secret-1" not in str(caught.value)


def test_a_remote_of_another_form_is_refused_without_keys() -> None:
    with pytest.raises(InvalidInput, match="sc://host:port") as caught:
        open_compute("https://token:secret-1@host")
    assert "secret-1" not in str(caught.value)


def test_backends_are_imported_on_use_only() -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]; import quikapp_ml.stores.lake as lake; lake.open_lake('memory://');"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'deltalake', 'pyspark', 'pysail', 'pandas'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *sys.path], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
    assert set(BACKENDS) == {"", "file", "memory", "s3", "gs", "az", "abfss"}
