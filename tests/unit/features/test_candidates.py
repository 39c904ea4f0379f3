"""Candidates: every source, its bound, and that something is found wherever something may be shown."""

from quikapp_ml.features.candidates import (
    ENOUGH_CHANNELS,
    MAX_CANDIDATES,
    channel_candidates,
    conversation_candidates,
    person_candidates,
)
from support.chats import Chat, office


def test_each_channel_names_the_source_that_speaks_most() -> None:
    found = channel_candidates(office().view("ann"), similar={"attic": 0.5})
    assert found == {"craft": "collaborators", "attic": "similar", "lobby": "new"}


def test_an_old_lively_channel_comes_from_popularity() -> None:
    chat = office()
    chat.wait(days=60)
    assert channel_candidates(chat.view("ann")) == {"craft": "collaborators", "lobby": "popular", "attic": "popular"}


def test_people_near_ones_collaborators_come_first_and_known_ones_last() -> None:
    found = person_candidates(office().view("ann"))
    assert found["cid"] == "collaborators"
    assert found["dan"] == "popular"
    assert list(found)[-1] == "bob"
    assert found["bob"] == "contacts"


def test_a_source_cannot_bring_in_what_is_not_allowed() -> None:
    assert "vault" not in channel_candidates(office().view("ann"), similar={"vault": 0.9, "home": 0.8})
    assert "home" not in channel_candidates(office().view("ann"), similar={"vault": 0.9, "home": 0.8})


def test_numbers_are_bounded() -> None:
    chat = Chat()
    for number in range(MAX_CANDIDATES + 20):
        chat.channel(f"c{number:03}", "founder")
    chat.people(*(f"p{number:03}" for number in range(MAX_CANDIDATES + 20)))
    assert ENOUGH_CHANNELS <= len(channel_candidates(chat.view("ann"))) <= MAX_CANDIDATES
    assert len(person_candidates(chat.view("ann"))) == MAX_CANDIDATES


def test_a_quiet_corner_is_read_when_all_else_is_silent() -> None:
    """Eleven silent public channels stand before the only one where somebody wrote, long ago."""
    chat = Chat()
    chat.channel("z-corner", "dan")
    chat.post("dan", "z-corner", "m1")
    chat.tell("delete", "dan", channel_id="z-corner", message_id="m1")
    for number in range(12):
        chat.channel(f"a{number:02}", "dan")
        chat.post("dan", f"a{number:02}", f"gone{number}")
        chat.tell("delete", "dan", channel_id=f"a{number:02}", message_id=f"gone{number}")
    assert conversation_candidates(chat.view("ann")) == []
    chat.tell("message", "dan", channel_id="y-corner", message_id="hidden")
    chat.channel("y-nook", "dan")
    chat.post("dan", "y-nook", "m2")
    assert [one.message.message_id for one in conversation_candidates(chat.view("ann"))] == ["m2"]
