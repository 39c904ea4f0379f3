import hashlib
import itertools
import os
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.events import parse_event
from quikapp_ml.importers.sample import SampleConfig, generate
from support.sample_rules import Rules

_DIGEST = """
import hashlib, orjson
from quikapp_ml.importers.sample import SampleConfig, generate
digest = hashlib.sha256()
for event in generate(SampleConfig(users=30, days=6, seed=5)):
    digest.update(orjson.dumps(event))
print(digest.hexdigest())
"""


def _digest_in_process_with_hash_seed(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True, env=environment)
    return run.stdout.strip()


def test_the_same_config_gives_the_same_bytes_in_every_process() -> None:
    assert _digest_in_process_with_hash_seed("1") == _digest_in_process_with_hash_seed("2")


def test_the_bytes_stay_the_same_from_version_to_version() -> None:
    """A change of the sample is fine, but on purpose: then this value is written anew."""
    digest = hashlib.sha256()
    for event in generate(SampleConfig(users=20, days=3, seed=1)):
        digest.update(orjson.dumps(event))
    assert digest.hexdigest()[:16] == "f309da479d4872ac"


def test_another_seed_or_end_gives_other_event_ids() -> None:
    configs = (
        SampleConfig(users=5, days=2, seed=1),
        SampleConfig(users=5, days=2, seed=2),
        SampleConfig(users=5, days=2, seed=1, until=datetime(2026, 2, 1, tzinfo=UTC)),
    )
    ids = [{event["event_id"] for event in generate(config)} for config in configs]

    assert all(one.isdisjoint(other) for one, other in itertools.combinations(ids, 2))


@settings(max_examples=25, deadline=None)
@given(
    users=st.integers(2, 60),
    days=st.integers(1, 40),
    seed=st.integers(0, 10_000),
    until=st.datetimes(datetime(2019, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)),
)
def test_no_workspace_breaks_the_rules_of_a_chat(users: int, days: int, seed: int, until: datetime) -> None:
    config = SampleConfig(users=users, days=days, seed=seed, until=until)
    rules = Rules()
    end = until.replace(microsecond=until.microsecond // 1000 * 1000)  # times of the sample are whole milliseconds

    for event in generate(config):
        parsed = parse_event(event, now=until)
        assert end - timedelta(days=days) <= parsed.event_time < end
        rules.check(event)


def test_the_volume_is_that_of_a_team_that_chats() -> None:
    config = SampleConfig()
    counted = Counter(event["type"] for event in generate(config))

    assert 30_000 < counted.total() < 50_000
    assert 14_000 < counted["message"] < 28_000
    assert all(counted[kind] > 0 for kind in ("edit", "delete", "read", "mute", "block", "report", "leave"))


def test_weekends_are_quiet_and_nights_too(events: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(e["event_time"]) for e in events if e["type"] == "message" and not e.get("is_bot")]
    by_weekday = Counter(time.weekday() for time in times)

    assert by_weekday[5] + by_weekday[6] < 0.25 * by_weekday[1]
    by_hour = Counter(time.hour for time in times)
    assert max(by_hour.values()) > 6 * min(by_hour.values())


def test_bad_days_show_in_the_words(events: list[dict[str, Any]]) -> None:
    rumours = Counter(
        event["event_time"][:10]
        for event in events
        if event["type"] == "message" and ("rumour" in event["content"] or "layoffs" in event["content"])
    )

    (_, most), *rest = rumours.most_common()
    assert most > 4
    assert most > 4 * max((count for _, count in rest), default=0)


def test_people_come_and_go(events: list[dict[str, Any]]) -> None:
    first = events[0]["event_time"][:10]
    later = [e for e in events if e["type"] == "user_updated" and e["event_time"][:10] > first]

    assert sum(not event.get("is_deleted") for event in later) >= 5
    assert sum(event.get("is_deleted", False) for event in later) >= 2


def test_who_answers_whom_repeats(events: list[dict[str, Any]]) -> None:
    """Collaborators meet again and again; strangers do not."""
    authors = {event["message_id"]: event["user_id"] for event in events if event["type"] == "message"}
    answers = Counter(
        (event["user_id"], authors[event["thread_id"]])
        for event in events
        if event.get("thread_id") and event["user_id"] != authors[event["thread_id"]]
    )

    often = sum(count for count in answers.values() if count >= 5)
    assert often > 0.3 * answers.total()


def test_collaborators_tell_better_than_popularity_which_channel_is_joined() -> None:
    contacts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    members: defaultdict[str, set[str]] = defaultdict(set)
    authors: dict[str, str] = {}
    open_channels: set[str] = set()
    hits: Counter[str] = Counter()
    config = SampleConfig()
    begin = (config.until - timedelta(days=config.days - 7)).isoformat()
    for event in generate(config):
        kind, user, channel = event["type"], event["user_id"], event.get("channel_id", "")
        if kind == "channel_created" and not event.get("is_private") and event["name"][:4] not in ("inc-", "team"):
            open_channels.add(channel)
        elif kind == "channel_archived":
            open_channels.discard(channel)
        elif kind == "message":
            authors[event["message_id"]] = user
            contacts[user][authors.get(event.get("thread_id", ""), user)] += 1
        elif kind == "join":
            known = contacts[user]
            options = [c for c in sorted(open_channels) if user not in members[c]]
            if event["event_time"] > begin and channel in options and len(known) > 3:
                by_people = sorted(options, key=lambda c: -sum(min(3, known[m]) for m in members[c]))
                by_size = sorted(options, key=lambda c: -len(members[c]))
                hits.update(total=1, people=channel in by_people[:3], size=channel in by_size[:3])
            members[channel].add(user)

    assert hits["total"] > 100
    assert hits["people"] > 1.15 * hits["size"]


def test_memory_does_not_grow_with_the_days() -> None:
    def peak_bytes(days: int) -> int:
        tracemalloc.start()
        for _ in generate(SampleConfig(users=60, days=days)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(60) < 1.7 * peak_bytes(10)
