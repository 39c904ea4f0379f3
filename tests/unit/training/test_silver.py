"""Silver tables and labels from logs small enough to know the answer; `tests/integration/test_feature_parity.py`
compares the rest with what is counted online."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES, SENTIMENT_LABELS, SPAM_LABELS
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.feature_parts import CHANGES, PARTS
from quikapp_ml.training.labels_sql import HAM_PER_SPAM, MIN_HAM, MIN_NEUTRAL
from quikapp_ml.training.silver import build_silver
from quikapp_ml.training.silver_state import STATE_TABLES
from support.logs import table_of

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(str(tmp_path))
    lake.ensure(EVENTS)
    return lake


def event(kind: str, hours: float, user_id: str, **fields: Any) -> Event:
    at = START + timedelta(hours=hours)
    given = {"event_id": f"{kind}-{hours}-{user_id}-{fields.get('message_id')}", "type": kind, "user_id": user_id}
    return parse_event({**given, "event_time": at.isoformat(), "channel_id": "c", **fields}, now=AS_OF)


def post(hours: float, message_id: str, content: str = "words", user_id: str = "ann", **more: Any) -> Event:
    return event("message", hours, user_id, message_id=message_id, content=content, **more)


def react(hours: float, message_id: str, emoji: str, user_id: str = "bob", **more: Any) -> Event:
    return event("reaction", hours, user_id, message_id=message_id, reaction=emoji, **more)


LATER = event("read", 100, "cid")
"""Something that happens days after the rest, so that the rest is settled."""


def build(lake: Lake, compute: Compute, events: Sequence[Event]) -> None:
    lake.append(EVENTS.name, table_of(events, AS_OF))
    build_silver(lake, compute, AS_OF)


def by_message(lake: Lake, name: str) -> dict[str, dict[str, Any]]:
    return {row["message_id"]: row for row in lake.read(name).to_pylist()}


def labels(lake: Lake, name: str) -> dict[str, str]:
    return {message_id: row["label"] for message_id, row in by_message(lake, name).items()}


def test_messages_hold_the_newest_text(lake: Lake, compute: Compute) -> None:
    edits = [event("edit", hours, "ann", message_id="m", content=f"edited {hours}") for hours in (3, 2)]
    build(
        lake,
        compute,
        [*edits, post(1, "m", "first"), post(1, "other", "kept"), event("delete", 4, "ann", message_id="other")],
    )
    rows = by_message(lake, MESSAGES.name)
    assert (rows["m"]["content"], rows["m"]["edited_at"], rows["m"]["is_deleted"]) == (
        "edited 3", START + timedelta(hours=3), False,
    )  # fmt: skip
    assert (rows["other"]["content"], rows["other"]["edited_at"], rows["other"]["is_deleted"]) == ("kept", None, True)


def test_a_message_sent_again_is_one_row(lake: Lake, compute: Compute) -> None:
    build(lake, compute, [post(1, "m", "first"), post(2, "m", "again")])
    assert lake.read(MESSAGES.name, columns=["content"]).to_pylist() == [{"content": "first"}]
    assert lake.read(ACTIVITIES.name, columns=["kind"]).to_pylist() == [{"kind": "posted"}]


def test_spam_is_what_was_reported_as_spam(lake: Lake, compute: Compute) -> None:
    build(
        lake,
        compute,
        [
            post(1, "spam", "Buy now"),
            post(1, "deleted spam", "Buy now"),
            post(1, "rude", "You fool"),
            post(1, "fine"),
            post(1, "deleted"),
            post(1, "empty", "  "),
            post(1, "from a bot", user_id="robot", is_bot=True),
            post(90, "too new"),
            event("report", 3, "bob", message_id="spam", reason="spam"),
            event("report", 2, "cid", message_id="spam", reason="spam"),
            event("report", 3, "bob", message_id="deleted spam", reason="spam"),
            event("report", 3, "bob", message_id="rude", reason="abuse"),
            event("delete", 4, "ann", message_id="deleted"),
            event("delete", 4, "ann", message_id="deleted spam"),
            LATER,
        ],
    )
    assert labels(lake, SPAM_LABELS.name) == {
        "spam": "spam", "deleted spam": "spam", "fine": "ham", "from a bot": "ham",
    }  # fmt: skip
    rows = by_message(lake, SPAM_LABELS.name)
    assert (rows["spam"]["labelled_at"], rows["spam"]["source"]) == (START + timedelta(hours=2), "report")
    assert (rows["fine"]["labelled_at"], rows["fine"]["source"]) == (START + timedelta(hours=25), "not_reported")
    assert rows["spam"]["content"] == "Buy now"


def test_ham_is_a_bounded_draw_that_is_the_same_every_time(lake: Lake, compute: Compute) -> None:
    many = MIN_HAM + 50
    build(lake, compute, [*(post(1, f"m{number}") for number in range(many)), LATER])
    first = labels(lake, SPAM_LABELS.name)
    assert Counter(first.values()) == {"ham": MIN_HAM}
    build_silver(lake, compute, AS_OF)
    assert labels(lake, SPAM_LABELS.name) == first


def test_more_spam_brings_more_ham(lake: Lake, compute: Compute) -> None:
    n_spam = 12
    posts = [post(1, f"m{number}") for number in range(HAM_PER_SPAM * n_spam + 40)]
    reports = [event("report", 2, "bob", message_id=f"m{number}", reason="spam") for number in range(n_spam)]
    build(lake, compute, [*posts, *reports, LATER])
    assert Counter(labels(lake, SPAM_LABELS.name).values()) == {"spam": n_spam, "ham": HAM_PER_SPAM * n_spam}


def test_sentiment_is_read_off_the_reactions_of_others(lake: Lake, compute: Compute) -> None:
    build(
        lake,
        compute,
        [
            *(
                post(1, one)
                for one in ("good", "bad", "mixed", "own", "taken back", "agreed", "silent", "toned", "colons")
            ),
            post(1, "robot", user_id="robot", is_bot=True),
            post(1, "answered"),
            post(1, "looked at"),
            post(1, "looked at, and more"),
            react(2, "looked at", "eyes"),
            react(2, "looked at, and more", "eyes"),
            react(2, "looked at, and more", "pray", "cid"),
            post(2, "answer", user_id="bob", thread_id="answered"),
            react(2, "good", "tada"),
            react(3, "good", "+1", "cid"),
            react(2, "bad", "😡"),
            react(2, "mixed", "tada"),
            react(2, "mixed", "cry", "cid"),
            react(2, "own", "tada", "ann"),
            react(2, "taken back", "tada"),
            react(3, "taken back", "tada", removed=True),
            react(2, "agreed", "+1"),
            react(2, "toned", "clap::skin-tone-3"),
            react(2, "colons", ":-1::skin-tone-6:"),
            react(2, "robot", "tada"),
            LATER,
        ],
    )
    assert labels(lake, SENTIMENT_LABELS.name) == {
        "good": "positive", "toned": "positive", "bad": "negative", "colons": "negative", "looked at": "neutral",
    }  # fmt: skip
    rows = by_message(lake, SENTIMENT_LABELS.name)
    assert (rows["good"]["source"], rows["good"]["labelled_at"]) == ("reactions", START + timedelta(hours=3))
    assert rows["looked at"]["labelled_at"] == START + timedelta(hours=25)


@pytest.mark.parametrize("emoji", ["👏", "👏🏽", "❤", "❤\N{VARIATION SELECTOR-16}", "heart", ":heart:"])
def test_spellings_of_an_emoji_mean_the_same(emoji: str, lake: Lake, compute: Compute) -> None:
    build(lake, compute, [post(1, "m"), react(2, "m", emoji), LATER])
    assert labels(lake, SENTIMENT_LABELS.name) == {"m": "positive"}


def test_neutral_is_a_bounded_draw(lake: Lake, compute: Compute) -> None:
    posts = [post(1, f"m{number}") for number in range(MIN_NEUTRAL + 30)]
    build(lake, compute, [*posts, *(react(2, one.message_id, "eyes") for one in posts if one.type == "message"), LATER])
    assert Counter(labels(lake, SENTIMENT_LABELS.name).values()) == {"neutral": MIN_NEUTRAL}


def test_features_are_as_of_the_moment(lake: Lake, compute: Compute) -> None:
    lake.append(EVENTS.name, table_of([post(1, "before"), post(3, "after")], AS_OF))
    build_silver(lake, compute, START + timedelta(hours=2))
    (row,) = lake.read(FEATURE_TABLES["user_activity"].name).to_pylist()
    assert (row["message_count"], row["as_of"]) == (1.0, START + timedelta(hours=2))


def test_without_events_all_tables_are_there_and_empty(tmp_path: Path, compute: Compute) -> None:
    lake = open_lake(str(tmp_path))
    versions = build_silver(lake, compute, AS_OF)
    assert set(versions) == {
        EVENTS.name, MESSAGES.name, ACTIVITIES.name, SPAM_LABELS.name, SENTIMENT_LABELS.name,
        *(state.table.name for state in STATE_TABLES), *(FEATURE_TABLES[view.name].name for view in FEATURE_VIEWS),
        *(table.name for table in PARTS.values()), CHANGES.name,
    }  # fmt: skip
    assert all(lake.read(name).num_rows == 0 for name in versions)


def test_the_versions_are_those_read_and_written(lake: Lake, compute: Compute) -> None:
    version = lake.append(EVENTS.name, table_of([post(1, "m")], AS_OF))
    versions = build_silver(lake, compute, AS_OF)
    assert versions[EVENTS.name] == version
    for name, written in versions.items():
        assert lake.version(name) == written
