"""Publications of a feature table that are killed, or run at once, end as one run alone would, in every store."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import NotFound
from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable, read_newest
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.online.published import PUBLISHED, namespace_of, read_published
from support.servers import StoreServers

NAME = "quikapp_ml.features.people"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
N_PEOPLE = 1_000
PEOPLE = [{"user_id": f"U{n}"} for n in range(N_PEOPLE)]
TABLE = FeatureTable(NAME, ("user_id",), columns=pa.schema([("user_id", pa.string()), ("turn", pa.int64())]))
PUBLISHER = textwrap.dedent("""
    import sys
    from datetime import UTC, datetime
    from quikapp_ml.feature_store import publishing
    from quikapp_ml.feature_store.tables import read_newest
    from quikapp_ml.stores.lake import open_lake
    from quikapp_ml.stores.online import open_online_store

    publishing.DOCUMENTS_A_WRITE = 20  # many small writes, to be killed between
    lake, online = open_lake(sys.argv[1]), open_online_store(sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    publishing.publish_newest(lambda: read_newest(lake, sys.argv[3]), online, lambda: datetime.now(UTC), False)
""")


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def url(request: pytest.FixtureRequest, store_servers: StoreServers, tmp_path: Path) -> str:
    return (
        f"sqlite:///{tmp_path / 'online.db'}" if request.param == "sqlite" else store_servers[request.param].new_url()
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(str(tmp_path / "lake"))
    lake.ensure(TABLE.declared())
    write(lake, 1)
    return lake


def write(lake: Lake, turn: int) -> None:
    lake.overwrite(NAME, pa.Table.from_pylist([{**person, "turn": turn} for person in PEOPLE], schema=TABLE.columns))


@contextmanager
def publishers(tmp_path: Path, url: str, n: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that publish when they are told to go."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PUBLISHER, str(tmp_path / "lake"), url, NAME]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment))
            for _ in range(n)
        ]
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end


def turns(online: OnlineStore) -> list[int]:
    return [one.values["turn"] for one in read_published(online, NAME, PEOPLE, None, NOW)]


def documents(online: OnlineStore) -> dict[str, dict[str, bytes]]:
    return {space: dict(online.items(space)) for space in (namespace_of(NAME), PUBLISHED)}


def of_a_single_run(lake: Lake) -> dict[str, dict[str, bytes]]:
    online = MemoryOnlineStore()
    publish(*read_newest(lake, NAME), online, NOW, overwrite=False)
    return documents(online)


def test_a_publication_that_was_killed_is_made_whole_by_the_next(url: str, lake: Lake, tmp_path: Path) -> None:
    with closing(open_online_store(url)) as online, publishers(tmp_path, url, 4) as (first, second, third, fourth):
        go(first)
        wait_until(lambda: online.count(namespace_of(NAME)) > 0)
        first.kill()
        first.wait(60)
        assert 0 < online.count(namespace_of(NAME)) < N_PEOPLE
        with pytest.raises(NotFound, match="is not published"):
            turns(online)  # what was never published whole is not read
        go(second)
        assert second.wait(60) == 0
        assert documents(online) == of_a_single_run(lake)

        write(lake, 2)
        go(third)
        wait_until(lambda: 2 in turns(online))
        third.kill()
        third.wait(60)
        assert set(turns(online)) == {1, 2}  # each entity has its old values or its new ones
        go(fourth)
        assert fourth.wait(60) == 0
        assert documents(online) == of_a_single_run(lake)


def test_publications_at_once_end_as_one_alone(url: str, lake: Lake, tmp_path: Path) -> None:
    with closing(open_online_store(url)) as online, publishers(tmp_path, url, 2) as both:
        alone = [of_a_single_run(lake)]
        for process in both:
            go(process)
        wait_until(lambda: online.count(namespace_of(NAME)) > 0)
        write(lake, 2)  # now they have begun with rows that are old, and one may have seen the new ones
        alone.append(of_a_single_run(lake))
        assert [process.wait(60) for process in both] == [0, 0]
        assert documents(online) in alone
