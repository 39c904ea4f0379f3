import pytest

from quikapp_ml.importers.slack.archive import BrokenPart
from quikapp_ml.importers.slack.directory import read_channel, read_person

FIRST, LAST = 1_500_000_000_000_000, 1_600_000_000_000_000


@pytest.mark.parametrize("entry", ["x", {}, {"id": 5}, {"id": ""}, None])
def test_what_is_no_person_or_channel_is_broken(entry: object) -> None:
    with pytest.raises(BrokenPart, match="not a person"):
        read_person(entry)
    with pytest.raises(BrokenPart, match="not a channel"):
        read_channel(entry, "channels.json")


@pytest.mark.parametrize(
    ("flags", "role"),
    [
        ({"is_primary_owner": True, "is_admin": True}, "owner"),
        ({"is_owner": True}, "owner"),
        ({"is_admin": True}, "admin"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_admin": "yes"}, None),
        ({}, None),
    ],
)
def test_roles_are_those_of_slack(flags: dict[str, object], role: str | None) -> None:
    assert read_person({"id": "U1", **flags}).role == role


def test_the_name_is_the_first_that_is_given() -> None:
    profile = {"display_name": " ", "real_name": "Ada L"}
    assert read_person({"id": "U1", "name": "ada", "profile": profile}).name == "Ada L"
    assert read_person({"id": "U1", "name": "ada", "profile": None}).name == "ada"
    assert read_person({"id": "U1"}).name is None


def test_a_closed_account_is_told_when_it_was_closed() -> None:
    person = read_person({"id": "U1", "name": "ada", "deleted": True, "updated": 1_550_000_000})

    told = [event for _, event in person.events(FIRST, last_seen_at=FIRST, last_at=LAST)]
    assert [(event["event_time"][:10], event.get("is_deleted")) for event in told] == [
        ("2017-07-14", None),
        ("2019-02-12", True),
    ]
    seen_later = list(person.events(FIRST, last_seen_at=LAST - 1, last_at=LAST))
    assert seen_later[-1][0] == LAST


def test_a_changed_profile_is_another_event() -> None:
    before = read_person({"id": "U1", "name": "ada"})
    after = read_person({"id": "U1", "name": "ada", "profile": {"title": "CTO"}})

    (_, one), (_, same), (_, other) = (next(p.events(FIRST, 0, LAST)) for p in (before, before, after))

    assert one["event_id"] == same["event_id"] != other["event_id"]


@pytest.mark.parametrize(
    ("file", "is_private", "name"),
    [
        ("channels.json", False, "plans"),
        ("groups.json", True, "plans"),
        ("mpims.json", True, "group message"),
        ("dms.json", True, "direct message"),
    ],
)
def test_conversations_of_a_few_are_private_and_named_after_nobody(file: str, is_private: bool, name: str) -> None:
    channel = read_channel({"id": "C1", "name": "plans", "members": ["U1", "U2"]}, file)

    assert (channel.is_private, channel.name, channel.folder) == (is_private, name, "plans")


def test_a_direct_message_lies_in_the_folder_of_its_id() -> None:
    channel = read_channel({"id": "D1", "created": 1_600_000_000, "members": ["U1", "U2"]}, "dms.json")

    assert (channel.folder, channel.creator) == ("D1", "U1")


def test_the_topic_comes_before_the_purpose() -> None:
    both = {"id": "C1", "topic": {"value": "now &amp; then"}, "purpose": {"value": "why"}}

    assert read_channel(both, "channels.json").topic == "now & then"
    assert read_channel({**both, "topic": {"value": ""}}, "channels.json").topic == "why"
    assert read_channel({"id": "C1", "topic": "x"}, "channels.json").topic is None
