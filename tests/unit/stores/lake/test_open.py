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
    ("url", "says"),
    [
        ("s3://key:secret-1@bucket/lake", "s3:// is not possible yet"),
        ("abfss://container@account/secret-1", "abfss:// is not possible yet"),
        ("gs://secret-1", "gs:// is not possible yet"),
        ("ftp://user:secret-1@host/", "unknown scheme ftp://"),
        ("", "is empty"),
    ],
)
def test_others_are_refused_with_what_is_allowed_and_without_keys(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        open_lake(url)
    assert "a folder, file:///folder or memory://" in str(caught.value)
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
    assert set(BACKENDS) == {"", "file", "memory"}
