import socket
import time
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import InvalidInput, StorageFailed
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.roots import BucketRoot, FolderRoot, open_root

VISITS = Table("quikapp_ml.bronze.visits", pa.schema([("who", pa.string())]), ("who",), "")


@pytest.fixture
def dead_store(monkeypatch: pytest.MonkeyPatch) -> str:
    """An S3 that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}/")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-id-secret-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-access-1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return "s3://bucket/lake"


def test_the_scheme_chooses(tmp_path: Path) -> None:
    assert isinstance(open_root(str(tmp_path)), FolderRoot)
    assert isinstance(open_root(tmp_path.as_uri()), FolderRoot)
    assert isinstance(open_root("S3://bucket/a"), BucketRoot)


@pytest.mark.parametrize(
    ("root", "table"),
    [
        ("s3://bucket", "s3://bucket/bronze/events"),
        ("s3://bucket/", "s3://bucket/bronze/events"),
        ("gs://bucket/a/b", "gs://bucket/a/b/bronze/events"),
        (
            "abfss://box@me.dfs.core.windows.net/a/",
            "abfss://box@me.dfs.core.windows.net/a/bronze/events",
        ),
    ],
)
def test_a_table_is_below_the_prefix(root: str, table: str) -> None:
    assert open_root(root).url("bronze", "events") == table


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://key:secret-1@bucket/lake", "must hold no keys"),
        ("s3://secret-1@bucket/lake", "must hold no keys"),
        ("gs://secret-1@bucket/lake", "must hold no keys"),
        ("abfss://box:secret-1@me.dfs.core.windows.net/a", "must hold no keys"),
        ("az://box/a?sig=secret-1", "must hold no keys"),
        ("az://box/a#secret-1", "must hold no keys"),
        ("s3:///secret-1", "names no bucket; use s3://bucket/prefix"),
        ("s3://bucket/secret-1 b", "may hold a-z"),
        ("s3://bucket/secret-1/ü", "may hold a-z"),
        ("s3://bucket/secret-1%20b", "may hold a-z"),
        ("s3://bucket//secret-1", "may hold a-z"),
    ],
)
def test_other_urls_are_refused_without_showing_them(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        open_lake(url)
    assert "secret-1" not in str(caught.value)


def test_a_store_that_is_away_is_told_soon_without_its_keys(dead_store: str) -> None:
    lake = open_lake(dead_store)
    began = time.monotonic()
    for call in (lake.names, lambda: lake.exists(VISITS.name), lambda: lake.version(VISITS.name)):
        with pytest.raises(StorageFailed) as caught:
            call()
        assert "secret" not in str(caught.value)
        assert "\x1b" not in str(caught.value)
    with pytest.raises(StorageFailed):
        lake.ensure(VISITS)
    assert time.monotonic() - began < 20
