import random

from quikapp_ml.importers.sample import SampleConfig
from quikapp_ml.importers.sample.chat import Chat
from quikapp_ml.importers.sample.people import Person, hire


def _chat_with_two() -> tuple[Chat, Person, Person]:
    _, people = hire(SampleConfig(users=2), random.Random(1))
    for person in people:
        person.is_here = True
    return Chat(random.Random(1), 1_000, "t-"), people[0], people[1]


def test_actions_run_in_the_order_of_their_times() -> None:
    chat, ada, _ = _chat_with_two()
    chat.at(3_000, chat.emit, "read", ada.user_id)
    chat.at(2_000, chat.emit, "join", ada.user_id)
    chat.at(9_000, chat.emit, "late", ada.user_id)

    told = [(event["type"], event["event_time"]) for event in chat.run_until(5_000)]

    assert told == [("join", "1970-01-01T00:00:02.000+00:00"), ("read", "1970-01-01T00:00:03.000+00:00")]
    assert chat.now_ms == 5_000


def test_an_action_of_the_past_is_done_now() -> None:
    chat, ada, _ = _chat_with_two()
    chat.at(10, chat.emit, "read", ada.user_id)

    assert [event["event_time"] for event in chat.run_until(2_000)] == ["1970-01-01T00:00:01.000+00:00"]


def test_only_members_write_and_nobody_joins_twice() -> None:
    chat, ada, bo = _chat_with_two()
    channel = chat.open_channel("tea", "interest", "coffee", ada)
    assert not chat.may_write(bo, channel)

    chat.join(bo, channel)
    chat.join(bo, channel)

    assert chat.may_write(bo, channel)
    assert [event["type"] for event in chat.drain()] == ["channel_created", "join"]


def test_a_closed_channel_has_no_members() -> None:
    chat, ada, bo = _chat_with_two()
    channel = chat.open_channel("tea", "interest", "coffee", ada)
    chat.join(bo, channel)

    chat.archive(ada, channel)
    chat.archive(ada, channel)
    chat.join(bo, channel)

    assert not chat.may_write(bo, channel)
    assert [event["type"] for event in chat.drain()].count("channel_archived") == 1


def test_a_message_is_deleted_once() -> None:
    chat, ada, bo = _chat_with_two()
    sent = chat.post(ada, chat.open_channel("tea", "interest", "coffee", ada), "hi", "neutral")

    chat.delete(bo, sent)
    chat.delete(ada, sent)

    deletions = [event for event in chat.drain() if event["type"] == "delete"]
    assert [event["user_id"] for event in deletions] == [bo.user_id]
