"""The official `delta-sharing` client, unmodified, in a process of its own, against the running service."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.state import open_state
from support.running import Running, quikapp_ml, start

READER = Path(__file__).parent / "scripts" / "delta_sharing_reader.py"
EMBEDDINGS = Table(
    "quikapp_ml.ml_features.user_embeddings",
    pa.schema([("user_id", pa.string()), ("embedding", pa.list_(pa.float64())), ("team", pa.string())]),
    ("user_id",),
    "Where people are among each other.",
    partition_by=("team",),
)
TABLE = "quikapp.ml_features.user_embeddings"


class ReaderFailed(Exception):
    """The client ended with an error."""


@dataclass
class Provider:
    """The side that shares."""

    running: Running
    lake: DeltaLake

    def run(self, *arguments: str) -> str:
        """A command of the owner, which must succeed."""
        done = quikapp_ml(self.running.home, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def recipient(self, name: str, *shares: str) -> Path:
        """A new recipient with grants; the place of its profile."""
        profile = self.running.home.parent / f"{name}.share"
        self.run("recipients", "create", name, "--output", str(profile))
        for share in shares:
            self.run("shares", "grant", share, name)
        return profile


def ask(profile: Path, function: str, table: str = TABLE, /, **arguments: Any) -> Any:
    """What the client answers. Raises ReaderFailed with what it complains of."""
    command = [sys.executable, "-W", "ignore", str(READER), str(profile), function, table, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise ReaderFailed(f"exit code {done.returncode}: {done.stderr}{done.stdout}")
    return json.loads(done.stdout.rpartition("answer: ")[2])


def users(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["user_id"] for row in rows)


def people(*names: str) -> pa.Table:
    rows = [{"user_id": name, "embedding": [float(len(name)), 1.0], "team": name[0]} for name in names]
    return pa.Table.from_pylist(rows, EMBEDDINGS.columns)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A table with a history: version 1 ann, bob; 2 the feed is switched on; 3 cleo; 4 bob moved; 5 ann gone."""
    running = start(tmp_path_factory.mktemp("sharing") / "home", "serve", QUIKAPP_ML_RUN_SCHEDULES="false")
    lake = DeltaLake(str(running.home / "lakehouse"))
    lake.ensure(EMBEDDINGS)
    lake.append(EMBEDDINGS.name, people("ann", "bob"))
    provider = Provider(running, lake)
    provider.run("shares", "create", "quikapp")
    provider.run("shares", "add-table", "quikapp", EMBEDDINGS.name, "--changes")
    time.sleep(0.01)
    lake.append(EMBEDDINGS.name, people("cleo"))
    table = DeltaTable(lake.uri(EMBEDDINGS.name))
    table.update(updates={"embedding": "[9.0, 9.0]"}, predicate="user_id = 'bob'")
    table.delete("user_id = 'ann'")
    yield provider
    running.stop()


@pytest.fixture(scope="module")
def profile(provider: Provider) -> Path:
    return provider.recipient("acme", "quikapp")


def test_the_tables_of_a_share_are_listed(provider: Provider, profile: Path) -> None:
    assert ask(profile, "list_all_tables") == [TABLE]
    nobody = provider.recipient("nobody")
    assert ask(nobody, "list_all_tables") == []


@pytest.mark.parametrize("use_delta_format", [None, False, True])
def test_a_table_is_read_as_pandas(profile: Path, use_delta_format: bool | None) -> None:
    rows = ask(profile, "load_as_pandas", use_delta_format=use_delta_format)
    assert sorted(rows, key=lambda row: str(row["user_id"])) == [
        {"user_id": "bob", "embedding": [9.0, 9.0], "team": "b"},
        {"user_id": "cleo", "embedding": [4.0, 1.0], "team": "c"},
    ]


@pytest.mark.parametrize("use_delta_format", [False, True])
def test_limits_and_versions_are_kept(profile: Path, use_delta_format: bool) -> None:
    in_form = {"use_delta_format": use_delta_format}
    assert len(ask(profile, "load_as_pandas", limit=1, **in_form)) == 1
    assert users(ask(profile, "load_as_pandas", version=1, **in_form)) == ["ann", "bob"]
    assert users(ask(profile, "load_as_pandas", version=3, **in_form)) == ["ann", "bob", "cleo"]


def test_a_table_is_read_as_of_a_time(provider: Provider, profile: Path) -> None:
    times = {commit.version: commit.time for commit in provider.lake.history(EMBEDDINGS.name)}
    before_cleo = (times[3] - timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    assert users(ask(profile, "load_as_pandas", timestamp=before_cleo)) == ["ann", "bob"]
    assert ask(profile, "get_table_version") == 5
    assert ask(profile, "get_table_version", starting_timestamp=before_cleo) == 3


def test_predicates_are_hints(profile: Path) -> None:
    team = {"op": "column", "name": "team", "valueType": "string"}
    hint = {"op": "equal", "children": [team, {"op": "literal", "value": "c", "valueType": "string"}]}
    assert users(ask(profile, "load_as_pandas", jsonPredicateHints=json.dumps(hint))) == ["cleo"]


def test_metadata_tells_columns_and_partitions(profile: Path) -> None:
    told = ask(profile, "get_table_metadata")
    names = [field["name"] for field in json.loads(told["schema_string"])["fields"]]
    assert (names, told["partition_columns"]) == (["user_id", "embedding", "team"], ["team"])
    assert ask(profile, "get_table_protocol")["min_reader_version"] == 1


@pytest.mark.parametrize("use_delta_format", [False, True])
def test_changes_are_read_as_pandas(profile: Path, use_delta_format: bool) -> None:
    rows = ask(profile, "load_table_changes_as_pandas", starting_version=2, use_delta_format=use_delta_format)
    told = sorted((row["_commit_version"], row["user_id"], row["_change_type"], row["embedding"][0]) for row in rows)
    assert told == [
        (3, "cleo", "insert", 4.0),
        (4, "bob", "update_postimage", 9.0),
        (4, "bob", "update_preimage", 3.0),
        (5, "ann", "delete", 3.0),
    ]
    last = ask(
        profile, "load_table_changes_as_pandas", starting_version=4, ending_version=4, use_delta_format=use_delta_format
    )
    assert {row["_commit_version"] for row in last} == {4}


def test_changes_from_before_the_feed_was_on_are_refused(profile: Path) -> None:
    with pytest.raises(ReaderFailed, match="cdf is not enabled on table"):
        ask(profile, "load_table_changes_as_pandas", starting_version=0)


def test_what_the_service_itself_writes_can_be_shared(provider: Provider) -> None:
    """The table of events is written to all the time, under its own name, and read under another."""
    event = {"type": "channel_created", "channel_id": "C1", "name": "general", "user_id": "U1"}
    body = {"events": [{**event, "event_id": "E1", "event_time": datetime.now(UTC).isoformat()}]}
    provider.running.post("/api/ml/events", body)
    provider.run("shares", "create", "chat")
    provider.run("shares", "add-table", "chat", "quikapp_ml.bronze.events", "--as", "log.happenings")
    reader = provider.recipient("auditor", "chat")
    deadline = time.monotonic() + 30
    while not (rows := ask(reader, "load_as_pandas", "chat.log.happenings")):
        assert time.monotonic() < deadline, "the event never came into the table"
    assert [row["event_id"] for row in rows] == ["E1"]
    with pytest.raises(ReaderFailed, match=r"history of table log\.happenings is not shared"):
        ask(reader, "load_as_pandas", "chat.log.happenings", version=0)


def test_another_s_table_is_not_there(provider: Provider, profile: Path) -> None:
    provider.run("shares", "create", "private")
    provider.run("shares", "add-table", "private", EMBEDDINGS.name)
    for table in ("private.ml_features.user_embeddings", "quikapp.bronze.events", "quikapp.ml_features.events"):
        with pytest.raises(ReaderFailed, match="RESOURCE_DOES_NOT_EXIST"):
            ask(profile, "load_as_pandas", table)


def test_a_rotated_token_goes_on_for_a_while_and_an_ended_one_does_not(provider: Provider) -> None:
    old = provider.recipient("initech", "quikapp")
    new = old.with_name("initech-2.share")
    provider.run("recipients", "rotate", "initech", "--output", str(new))
    assert ask(old, "list_all_tables") == ask(new, "list_all_tables") == [TABLE]
    newest = old.with_name("initech-3.share")
    provider.run("recipients", "rotate", "initech", "--overlap-hours", "0", "--output", str(newest))
    for profile in (old, new):
        with pytest.raises(ReaderFailed, match="expired"):
            ask(profile, "list_all_tables")
    assert ask(newest, "list_all_tables") == [TABLE]
    provider.run("recipients", "end-tokens", "initech")
    with pytest.raises(ReaderFailed, match="expired"):
        ask(newest, "list_all_tables")


def test_an_expired_token_is_refused(provider: Provider) -> None:
    profile = provider.recipient("globex", "quikapp")
    state = open_state(f"sqlite:///{provider.running.home / 'state.db'}")
    state.recipients.expire_tokens("globex", datetime.now(UTC) - timedelta(seconds=1))
    state.close()
    with pytest.raises(ReaderFailed, match="401"):
        ask(profile, "load_as_pandas")


def test_a_profile_holds_a_token_that_is_written_nowhere_else(provider: Provider, profile: Path) -> None:
    told = json.loads(profile.read_bytes())
    assert profile.stat().st_mode & 0o777 == 0o600
    assert told["shareCredentialsVersion"] == 1
    assert told["endpoint"] == f"{provider.running.url}/delta-sharing/"
    assert datetime.fromisoformat(told["expirationTime"]) > datetime.now(UTC) + timedelta(days=89)
    token = told["bearerToken"].encode()
    kept = [file for file in provider.running.home.rglob("*") if file.is_file() and token in file.read_bytes()]
    assert kept == []


def test_a_file_is_told_of_by_head_and_cannot_be_had_by_another_url(provider: Provider, profile: Path) -> None:
    told = json.loads(profile.read_bytes())
    table = f"{told['endpoint']}shares/quikapp/schemas/ml_features/tables/user_embeddings"
    answer = httpx.post(f"{table}/query", json={}, headers={"authorization": f"Bearer {told['bearerToken']}"})
    file = json.loads(answer.text.splitlines()[2])["file"]
    assert httpx.head(file["url"]).headers["content-length"] == str(file["size"])
    assert len(httpx.get(file["url"]).content) == file["size"]
    tampered = file["url"].replace("expires=", "expires=9")
    assert (httpx.get(tampered).status_code, httpx.head(tampered).status_code) == (403, 403)


def test_the_owner_sees_who_may_read_what(provider: Provider, profile: Path) -> None:
    del profile
    assert "quikapp" in provider.run("shares", "list")
    shown = provider.run("shares", "show", "quikapp")
    assert "acme" in shown and "from version 0" in shown
    assert "acme" in provider.run("recipients", "list")
