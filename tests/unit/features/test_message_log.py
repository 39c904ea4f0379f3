from itertools import permutations

import pytest

from quikapp_ml.features import message_log
from quikapp_ml.features.message_log import MessageFacts, MessageLog


def post(log: MessageLog, channel_id: str, message_id: str, at: float) -> MessageFacts:
    message = log.touch(channel_id, message_id)
    message.author_id, message.posted_at = "ann", at
    log.keep(message)
    return message


def ids(log: MessageLog, channel_id: str, limit: int = 100) -> list[str]:
    return [message.message_id for message in log.recent(channel_id, limit)]


def test_newest_first_in_whatever_order_they_come() -> None:
    for order in permutations([1.0, 2.0, 3.0, 4.0]):
        log = MessageLog()
        for at in order:
            post(log, "c", f"m{at:.0f}", at)
        assert ids(log, "c") == ["m4", "m3", "m2", "m1"]
        assert ids(log, "c", limit=2) == ["m4", "m3"]


def test_a_channel_keeps_its_newest_in_whatever_order_they_come() -> None:
    for order in permutations([1.0, 2.0, 3.0, 4.0]):
        log = MessageLog(per_channel=2)
        for at in order:
            post(log, "c", f"m{at:.0f}", at)
        assert ids(log, "c") == ["m4", "m3"]
        assert log.get("c", "m1") is None


def test_all_channels_together_keep_the_newest() -> None:
    for order in permutations([("c", 1.0), ("d", 2.0), ("c", 3.0), ("d", 4.0), ("e", 0.5)]):
        log = MessageLog(in_all=3)
        for channel_id, at in order:
            post(log, channel_id, f"m{at}", at)
        assert [ids(log, channel_id) for channel_id in "cde"] == [["m3.0"], ["m4.0", "m2.0"], []]


def test_a_busy_channel_pushes_out_the_oldest_of_the_others() -> None:
    log = MessageLog(in_all=10)
    post(log, "quiet", "q", 5.0)
    for at in range(100):
        post(log, "busy", f"m{at}", float(at))
    assert ids(log, "quiet") == []
    assert ids(log, "busy") == [f"m{at}" for at in range(99, 89, -1)]


def test_the_bookkeeping_of_ends_stays_small() -> None:
    log = MessageLog(per_channel=5, in_all=20)
    for at in range(1_000, 0, -1):  # history imported backwards
        post(log, f"c{at % 7}", f"m{at}", float(at))
    assert len(log._ends) < 100
    assert sum(len(ids(log, f"c{number}")) for number in range(7)) == 20


def test_deleted_messages_are_not_recent() -> None:
    log = MessageLog()
    post(log, "c", "m1", 1.0)
    post(log, "c", "m2", 2.0).is_deleted = True
    assert ids(log, "c") == ["m1"]
    found = log.get("c", "m2")
    assert found is not None and found.is_deleted


def test_a_message_that_was_only_answered_is_unknown_until_it_is_seen() -> None:
    log = MessageLog()
    log.touch("c", "m").react("bob", "tada", 2.0, removed=False)
    assert log.get("c", "m") is None
    assert ids(log, "c") == []
    post(log, "c", "m", 1.0)
    found = log.get("c", "m")
    assert found is not None and found.n_reactions == 1


def test_reactions_that_stand_are_counted_in_any_order() -> None:
    told = [
        ("bob", "tada", 1.0, False),
        ("bob", "tada", 2.0, True),
        ("bob", "tada", 3.0, False),
        ("bob", "cry", 1.0, False),
        ("eve", "tada", 1.0, False),
        ("eve", "tada", 2.0, True),
    ]
    for order in permutations(told):
        message = MessageFacts("c", "m")
        for user_id, emoji, at, removed in order:
            message.react(user_id, emoji, at, removed=removed)
        assert message.n_reactions == 2


def test_a_person_reports_once() -> None:
    message = MessageFacts("c", "m")
    for user_id in ("bob", "bob", "eve"):
        message.report(user_id)
    assert message.n_reports == 2


def test_unseen_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_log, "MAX_UNSEEN", 3)
    log = MessageLog()
    for number in range(5):
        log.touch("c", f"m{number}")
    documents = log.changes()
    assert {key for key, document in documents.items() if document is not None} == {"c\tm2", "c\tm3", "c\tm4"}


def test_documents_restore_exactly() -> None:
    log = MessageLog()
    message = post(log, "c", "m", 1_790_000_000.123456)
    message.thread_id, message.n_replies, message.is_bot = "root", 3, True
    message.react("bob", "tada", 2.0, removed=False)
    message.report("eve")
    log.touch("c", "unseen").wait("reacted", 5.0, "bob")
    log.touch("c", "unseen").is_deleted = True

    restored = MessageLog()
    restored.load((key, document) for key, document in log.changes().items() if document is not None)

    for channel_id, message_id in (("c", "m"), ("c", "unseen")):
        assert restored.touch(channel_id, message_id).document() == log.touch(channel_id, message_id).document()
    assert restored.touch("c", "unseen").waiting == [("reacted", 5.0, "bob")]
    assert ids(restored, "c") == ["m"]


def test_changes_tell_what_changed_and_what_is_gone() -> None:
    log = MessageLog(per_channel=1)
    post(log, "c", "m1", 1.0)
    assert set(log.changes()) == {"c\tm1"}
    assert log.changes() == {}
    post(log, "c", "m2", 2.0)
    documents = log.changes()
    assert documents["c\tm1"] is None
    assert documents["c\tm2"] is not None
