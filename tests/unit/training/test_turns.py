"""Labels read off events: what counts as turning to something, and that nothing of the future is seen."""

from typing import Any

import pytest

from quikapp_ml.features.candidates import conversation_candidates
from quikapp_ml.training.replay import LeakAlarm
from quikapp_ml.training.turns import Turn, conversation_of, count_by_kind, replay, sampled, turns_in
from support.chats import Chat


def turns(chat: Chat) -> list[Turn]:
    found = [turn for moment in replay(chat.log) for turn in moment.turns]
    assert turns_in(chat.log) == found, "what is not counted is not read off"
    return found


def seen(chat: Chat) -> list[tuple[str, str, str]]:
    return [(turn.kind, turn.user_id, turn.item_id) for turn in turns(chat)]


def settled() -> Chat:
    """A chat on its second day: Bob has written twice, Ann is with him in one channel of two."""
    chat = Chat()
    chat.people("ann", "bob", "cid")
    chat.channel("a", "bob", "ann")
    chat.channel("b", "bob")
    chat.channel("private", "bob", is_private=True)
    chat.post("bob", "a", "m1")
    chat.post("bob", "a", "m2", thread_id="m1")
    chat.wait(days=1)
    return chat


def test_a_first_step_into_an_open_channel_is_a_choice() -> None:
    chat = settled()
    chat.tell("join", "ann", channel_id="b")
    chat.post("cid", "a", "x")
    chat.post("cid", "a", "y")
    assert seen(chat) == [("channel", "ann", "b"), ("channel", "cid", "a")]


def test_private_archived_muted_and_unknown_channels_are_no_choice() -> None:
    chat = settled()
    chat.tell("join", "ann", channel_id="private")
    chat.tell("join", "ann", channel_id="never-created")
    chat.tell("mute", "cid", channel_id="b")
    chat.tell("join", "cid", channel_id="b")
    chat.tell("channel_archived", "bob", channel_id="b")
    chat.tell("join", "ann", channel_id="b")
    assert seen(chat) == []


def test_answers_reactions_and_first_contacts() -> None:
    chat = settled()
    chat.post("ann", "a", "x", thread_id="m1")
    chat.react("ann", "a", "m2")
    assert seen(chat) == [("message", "ann", "m1"), ("user", "ann", "bob"), ("message", "ann", "m1")]


def test_naming_somebody_is_a_contact() -> None:
    chat = settled()
    chat.tell("message", "ann", channel_id="a", message_id="x", content="ask <@cid> or <@ann> or <@nobody>")
    assert seen(chat) == [("user", "ann", "cid")]


def test_the_first_day_and_bots_tell_nothing() -> None:
    chat = Chat()
    chat.people("ann", "bob")
    chat.channel("a", "bob", "ann")
    chat.post("bob", "a", "m1")
    chat.react("ann", "a", "m1")
    chat.tell("user_updated", "robot", is_bot=True)
    chat.wait(days=1)
    chat.tell("join", "robot", channel_id="a")
    chat.post("other-robot", "a", "r", thread_id="m1", is_bot=True)
    chat.tell("reaction", "ann", channel_id="a", message_id="m1", reaction="+1", removed=True)
    assert seen(chat) == []


def test_a_replay_shows_the_state_before_each_event() -> None:
    chat = settled()
    chat.tell("join", "cid", channel_id="a")
    chat.react("cid", "a", "m1")
    for moment in replay(chat.log):
        if moment.event.type == "join" and moment.event.user_id == "cid":
            assert "cid" not in moment.workspace.members_of("a")
        if moment.event.type == "reaction":
            facts: Any = moment.workspace.message("a", "m1")
            assert facts.n_reactions == 0
            assert moment.features.partners("user_user_affinity", "cid") == []


def test_a_sample_is_the_same_in_any_order() -> None:
    given = [Turn("message", "u", f"m{number}", "c", float(number), f"e{number}") for number in range(50)]
    drawn = sampled(given, 10)
    assert len(drawn) == 10
    assert set(drawn) == set(sampled(given[::-1], 10))
    assert count_by_kind(drawn) == {"channel": 0, "user": 0, "message": 10}


def test_the_conversation_of_a_turn_is_found_by_its_thread() -> None:
    chat = settled()
    chat.post("bob", "b", "m1")
    given = conversation_candidates(chat.view("ann"))
    position = conversation_of(Turn("message", "ann", "m1", "a", 0.0, "e"), given)
    assert position is not None
    assert given[position].channel_id == "a"
    assert conversation_of(Turn("message", "ann", "gone", "a", 0.0, "e"), given) is None


def test_a_consequence_before_its_cause_rings_the_alarm() -> None:
    """An answer gives a label; applied before what led to it, its own trace would be among the features."""
    chat = settled()
    chat.post("bob", "b", "cause")
    chat.post("ann", "b", "consequence", thread_id="cause")
    *before, cause, consequence = chat.log
    assert [turn.event_id for turn in turns(chat)] == [consequence.event_id] * len(turns(chat)) != []
    with pytest.raises(LeakAlarm, match="known already"):
        list(replay([*before, consequence, cause]))
