import re
from pathlib import Path

from quikapp_ml.entities.events import EVENT_TYPES
from quikapp_ml.importers.sample import SampleConfig
from quikapp_ml.importers.slack.archive import MAX_MEMBER_BYTES
from quikapp_ml.importers.slack.entries import KNOWN_SUBTYPES

DOCS = Path(__file__).parents[2] / "docs"
IMPORTING = (DOCS / "importing.md").read_text()
SAMPLE = (DOCS / "sample-workspace.md").read_text()
_ALIASES = {
    "group_": "channel_", "mpim_": "channel_", "reply_broadcast": "thread_broadcast", "file_mention": "file_share",
    "slackbot_response": "bot_message", "convert_to_public": "convert_to_private",
}  # fmt: skip
"""Subtypes that the page tells of under the name of their like."""


def test_every_event_of_the_table_is_one_the_service_takes() -> None:
    rows = re.findall(r"^\|[^|]+\|([^|]+)\|[^|]*\|$", IMPORTING, flags=re.MULTILINE)[2:]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"is_private", "is_deleted", "thread_id"}

    assert named <= EVENT_TYPES.keys()
    assert len(named) > 10


def test_every_kind_of_entry_is_told_of() -> None:
    missing = set()
    for subtype in KNOWN_SUBTYPES - {None, ""}:
        name = str(subtype)
        for part, instead in _ALIASES.items():
            name = instead if name == part else name.replace(part, instead)
        if name not in IMPORTING:
            missing.add(subtype)

    assert missing == set()


def test_the_limit_of_a_file_is_told() -> None:
    assert f"{MAX_MEMBER_BYTES // 1024 // 1024} MiB" in IMPORTING


def test_the_default_of_the_sample_is_told() -> None:
    default = SampleConfig()

    assert f"SampleConfig(users={default.users}, days={default.days}, seed={default.seed})" in SAMPLE
