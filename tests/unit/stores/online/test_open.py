import subprocess
import sys
from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput, StorageFailed
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore

_WITHOUT_PACKAGES = """
import sys
sys.modules["redis"] = sys.modules["psycopg"] = None
from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.state import open_state
for opened, url in ((open_online_store, "redis"), (open_online_store, "postgresql"), (open_state, "postgresql")):
    try:
        opened(url + "://user:secret-1@host/db")
    except InvalidInput as error:
        sys.stdout.write(f"{error}\\n")
"""


def test_each_scheme_opens_its_class(tmp_path: Path) -> None:
    assert isinstance(open_online_store("memory://"), MemoryOnlineStore)
    store = open_online_store(f"sqlite:///{tmp_path}/online.db")
    assert isinstance(store, SQLiteOnlineStore)
    store.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://user:secret-1@host/db", "must be sqlite:///path, redis://host"),
        ("sqlite://secret-1.db", "must be sqlite:///path"),
        ("sqlite:///", "must be sqlite:///path"),
        ("secret-1.db", "must be sqlite:///path"),
        ("", "must be sqlite:///path"),
        ("redis://user:secret-1@host:port", "host or port that cannot be read"),
        ("redis://user:secret-1@host/?database=1", "a Redis URL cannot be read: redis://"),
        ("redis://user:secret-1@host/?prefix=a:b", "letters, digits, _ and - are allowed"),
        ("redis://user:secret-1@host/?prefix=", "letters, digits, _ and - are allowed"),
        ("postgresql://user:secret-1@[host/db", "host or port that cannot be read"),
        ("postgresql://user:secret-1@host/db?nonsense=1", "a PostgreSQL URL cannot be read: postgresql://"),
        ("postgresql://user:secret-1@host/db?schema=a.b", "letters, digits, _ and - are allowed"),
    ],
)
def test_other_urls_are_refused_without_keys(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        open_online_store(url)
    assert "secret-1" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://user:secret-1@127.0.0.1:1/3?prefix=a", "postgresql://user:secret-1@127.0.0.1:1/db"]
)
def test_a_server_that_is_not_there_is_named_without_keys(url: str) -> None:
    with pytest.raises(
        StorageFailed, match=r"online store \w+://127\.0\.0\.1:1/\w+ (prefix a|schema quikapp_ml): "
    ) as caught:
        open_online_store(url)
    assert "secret-1" not in str(caught.value)


def test_a_missing_package_is_named_with_its_extra() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT_PACKAGES], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "this URL needs the package redis: pip install 'quikapp-ml[redis]'",
        "this URL needs the package psycopg: pip install 'quikapp-ml[postgres]'",
        "this URL needs the package psycopg: pip install 'quikapp-ml[postgres]'",
    ]
