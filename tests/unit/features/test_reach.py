"""Answers and reactions count where the person may look; those out of sight never happened."""

import pytest

from support.chats import Chat


def office_of_two_rooms() -> Chat:
    chat = Chat()
    chat.people("ann", "bob", "cid")
    chat.channel("open", "ann", "bob", "cid")
    chat.channel("closed", "bob", "ann", "cid", is_private=True)
    chat.post("ann", "open", "o1")
    chat.post("ann", "closed", "p1")
    return chat


def test_in_all_channels_while_none_was_lost_sight_of() -> None:
    chat = office_of_two_rooms()
    chat.post("bob", "closed", "p2", thread_id="p1")
    chat.react("cid", "open", "o1")
    bob, cid = chat.view("ann").reach(["bob", "cid"]).tolist()
    assert bob > cid > 0


def test_not_in_a_private_channel_that_was_left() -> None:
    chat = office_of_two_rooms()
    chat.tell("leave", "ann", channel_id="closed")
    chat.post("bob", "closed", "p2", thread_id="p1")
    chat.react("bob", "closed", "p1")
    assert chat.view("ann").reach(["bob", "cid"]).tolist() == [0.0, 0.0]
    chat.post("cid", "open", "o2", thread_id="o1")
    chat.react("bob", "open", "o1")
    bob, cid = chat.view("ann").reach(["bob", "cid"]).tolist()
    assert cid == pytest.approx(3 * bob, rel=1e-3)


def test_not_of_a_reaction_taken_off_again() -> None:
    chat = office_of_two_rooms()
    chat.tell("leave", "ann", channel_id="closed")
    chat.react("bob", "open", "o1")
    chat.tell("reaction", "bob", channel_id="open", message_id="o1", reaction="+1", removed=True)
    assert chat.view("ann").reach(["bob"]).tolist() == [0.0]
