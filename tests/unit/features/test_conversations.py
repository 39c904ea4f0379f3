"""Threads are one item; what may not be read does not hide what may."""

from quikapp_ml.features.conversations import Conversation, conversations
from support.chats import Chat


def chat() -> Chat:
    chat = Chat()
    chat.people("ann", "bob", "cid")
    chat.channel("c", "bob", "ann", "cid")
    return chat


def shown(chat: Chat) -> list[Conversation]:
    return conversations(chat.view("ann"), ["c"], 20)


def ids(chat: Chat) -> list[str]:
    return [one.message.message_id for one in shown(chat)]


def test_a_thread_is_its_first_message_at_the_time_of_its_newest_answer() -> None:
    given = chat()
    given.post("bob", "c", "old")
    given.post("bob", "c", "lone")
    given.post("cid", "c", "answer", thread_id="old")
    first, second = shown(given)
    assert (first.message.message_id, first.n_replies, first.answers_you) == ("old", 1, False)
    assert first.last_at == given.now()
    assert second.message.message_id == "lone"


def test_ones_own_messages_neither_show_nor_count_as_news() -> None:
    given = chat()
    given.post("bob", "c", "theirs")
    at = given.now()
    given.post("ann", "c", "own-answer", thread_id="theirs")
    given.post("ann", "c", "own")
    assert ids(given) == ["theirs"]
    assert shown(given)[0].last_at == at


def test_an_answer_to_ones_own_message_is_shown_itself() -> None:
    given = chat()
    given.post("ann", "c", "own")
    given.post("bob", "c", "to-me", thread_id="own")
    assert [(one.message.message_id, one.answers_you) for one in shown(given)] == [("to-me", True)]


def test_a_thread_begun_by_somebody_avoided_is_left_out_whole() -> None:
    given = chat()
    given.post("cid", "c", "first")
    given.post("bob", "c", "answer", thread_id="first")
    given.tell("block", "cid", target_user_id="ann")
    assert ids(given) == []


def test_an_answer_by_somebody_avoided_is_no_news() -> None:
    given = chat()
    given.post("bob", "c", "first")
    at = given.now()
    given.post("cid", "c", "answer", thread_id="first")
    given.tell("mute", "ann", target_user_id="cid")
    assert [one.last_at for one in shown(given)] == [at]


def test_without_its_first_message_the_newest_answer_is_shown() -> None:
    given = chat()
    given.post("bob", "c", "first")
    given.post("cid", "c", "answer", thread_id="first")
    given.post("cid", "c", "orphan", thread_id="never-seen")
    given.tell("delete", "bob", channel_id="c", message_id="first")
    assert ids(given) == ["orphan", "answer"]
