"""A Slack export all the way into the state that answers are made from."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.delivery import Delivered, deliver, http_sink, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.importers.slack import ExportReport, read_export
from quikapp_ml.serving.intake import EventIntake
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.spool.memory import MemorySpool

GENUINE_EXPORT = Path(__file__).parents[3] / "shared" / "data" / "chat" / "slack_export.zip"
NEEDS_GENUINE_EXPORT = pytest.mark.skipif(
    not GENUINE_EXPORT.exists(), reason="the genuine export is not beside this checkout"
)


class Imported:
    """A service's intake and what it has learnt."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self._intake = EventIntake(MemorySpool(), MemoryOnlineStore(), self.workspace, OnlineFeatures())
        self._intake.recover()

    def take(self, path: Path) -> Delivered:
        return deliver(read_export(path), intake_sink(self._intake))


def _export(path: Path, files: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, json.dumps(content))
    return path


def _message(user: str, second: int, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": "hi", "ts": f"{1_600_100_000 + second}.000100", **more}


FILES: dict[str, Any] = {
    "users.json": [{"id": f"U{n}", "name": f"u{n}", "deleted": n == 4} for n in range(1, 6)],
    "channels.json": [
        {"id": "C1", "name": "general", "creator": "U1", "created": 1_600_000_000, "members": ["U1", "U2", "U5"]},
        {"id": "C2", "name": "old", "creator": "U1", "created": 1_600_000_000, "members": [], "is_archived": True},
    ],
    "groups.json": [{"id": "G1", "name": "board", "creator": "U3", "created": 1_600_000_000, "members": ["U1"]}],
    "dms.json": [{"id": "D1", "created": 1_600_000_000, "members": ["U1", "U2"]}],
    "general/2020-09-14.json": [
        _message("U1", 0, reactions=[{"name": "tada", "users": ["U2", "U5"], "count": 2}]),
        _message("U2", 60, thread_ts="1600100000.000100"),
        _message("U4", 70),
        _message("USLACKBOT", 80, subtype="tombstone"),
    ],
    "board/2020-09-14.json": [_message("U3", 90), _message("U1", 95)],
    "D1/2020-09-14.json": [_message("U2", 99, text="just us")],
}


def test_the_state_is_that_of_the_export(tmp_path: Path) -> None:
    imported = Imported()

    delivered = imported.take(_export(tmp_path / "export.zip", FILES))

    workspace = imported.workspace
    assert delivered.rejected == 0
    assert set(workspace.members_of("C1")) == {"U1", "U2", "U5"}
    assert set(workspace.members_of("G1")) == {"U1"}
    assert set(workspace.members_of("D1")) == {"U1", "U2"}
    assert workspace.channels["C2"].is_archived
    assert workspace.people["U4"].is_deleted
    first = workspace.message("C1", "C1-1600100000.000100")
    assert first is not None
    assert (first.author_id, first.n_reactions, first.n_replies) == ("U1", 2, 1)


def test_nobody_sees_what_slack_kept_from_them(tmp_path: Path) -> None:
    imported = Imported()
    imported.take(_export(tmp_path / "export.zip", FILES))

    seen = {
        (user, channel)
        for user in ("U1", "U2", "U3", "U4", "U5")
        for channel in ("G1", "D1")
        if imported.workspace.may_see(user, channel)
    }

    assert seen == {("U1", "G1"), ("U1", "D1"), ("U2", "D1")}


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    imported, path = Imported(), _export(tmp_path / "export.zip", FILES)
    first = imported.take(path)
    imported.workspace.changes()

    second = imported.take(path)

    assert (second.accepted, second.duplicates, second.rejected) == (0, first.accepted, 0)
    assert not any(imported.workspace.changes().values())


def test_events_go_into_a_running_service_once(service_url: str) -> None:
    config = SampleConfig(users=12, days=3)
    sink = http_sink(service_url)

    first = deliver(generate(config), sink)
    second = deliver(generate(config), sink)

    assert first.accepted > 100
    assert (second.accepted, second.duplicates) == (0, first.accepted)
    assert first.rejected == second.rejected == 0


@NEEDS_GENUINE_EXPORT
def test_the_genuine_export_arrives_whole() -> None:
    imported, report = Imported(), ExportReport()
    counted = Counter(event["type"] for event in read_export(GENUINE_EXPORT, report=report))

    delivered = imported.take(GENUINE_EXPORT)

    assert report.entries == 1_382
    assert report.skipped == []
    assert report.ignored == {"pinned_item": 1, "bot_add": 1}
    assert counted["message"] == 964 + 61 + 6
    assert (counted["edit"], counted["reaction"], counted["join"]) == (37, 198, 320)
    assert (delivered.accepted, delivered.duplicates, delivered.rejected) == (counted.total(), 0, 0)
    assert imported.take(GENUINE_EXPORT).accepted == 0


@NEEDS_GENUINE_EXPORT
def test_the_genuine_memberships_are_those_of_its_lists() -> None:
    imported = Imported()
    imported.take(GENUINE_EXPORT)
    with zipfile.ZipFile(GENUINE_EXPORT) as archive:
        channels = json.loads(archive.read("channels.json"))
        closed_accounts = {person["id"] for person in json.loads(archive.read("users.json")) if person["deleted"]}

    listed = {c["id"]: set(c["members"]) - closed_accounts for c in channels if not c["is_archived"]}

    assert {channel_id: set(imported.workspace.members_of(channel_id)) for channel_id in listed} == listed
    archived = {channel["id"] for channel in channels if channel["is_archived"]}
    assert {c.channel_id for c in imported.workspace.channels.values() if c.is_archived} == archived
