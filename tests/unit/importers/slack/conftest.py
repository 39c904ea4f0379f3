import json
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.events import parse_event
from quikapp_ml.importers.slack import ExportReport, read_export

MakeExport = Callable[[Mapping[str, Any]], Path]
ReadAll = Callable[..., list[dict[str, Any]]]

PEOPLE = [
    {
        "id": "UADA",
        "name": "ada",
        "is_owner": True,
        "is_admin": True,
        "profile": {"real_name": "Ada L", "title": "CTO"},
    },
    {"id": "UBO", "name": "bo", "profile": {"display_name": "Bo"}},
    {"id": "UCI", "name": "ci", "is_bot": True, "profile": {"real_name": "CI"}},
]
GENERAL = {
    "id": "C1",
    "name": "general",
    "created": 1_600_000_000,
    "creator": "UADA",
    "members": ["UADA", "UBO"],
    "topic": {"value": "news &amp; more"},
}


@pytest.fixture
def make_export(tmp_path: Path) -> MakeExport:
    """Write an export: file name → JSON, or bytes as they are. People and one channel are there unless given."""

    def make(files: Mapping[str, Any]) -> Path:
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {"users.json": PEOPLE, "channels.json": [GENERAL], **files}.items():
                archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
        return path

    return make


@pytest.fixture
def read_all() -> ReadAll:
    """All events of an export; each must be one that the service takes."""

    def read(path: Path, skip_broken: bool = False, report: ExportReport | None = None) -> list[dict[str, Any]]:
        events = list(read_export(path, skip_broken, report))
        for event in events:
            parse_event(event, now=datetime(2026, 11, 25, tzinfo=UTC))
        return events

    return read


@pytest.fixture
def events_of_day(make_export: MakeExport, read_all: ReadAll) -> Callable[..., list[dict[str, Any]]]:
    """What the given entries of the channel `general` become, without people, channels and memberships."""

    def events(*entries: Mapping[str, Any]) -> list[dict[str, Any]]:
        path = make_export({"general/2020-09-14.json": [{"type": "message", **entry} for entry in entries]})
        opening = ("user_updated", "role_changed", "channel_created")
        return [
            event for event in read_all(path) if event["type"] not in opening and ":member:" not in event["event_id"]
        ]

    return events
