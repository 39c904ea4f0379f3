"""What must never happen in a sample workspace, checked event by event."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

BY_MEMBERS = frozenset({"message", "reaction", "read", "edit", "leave", "report", "channel_archived"})
OF_MESSAGES = frozenset({"reaction", "edit", "delete", "report"})


class Rules:
    """The chat as the events have told it so far; `check` fails on the first event that cannot be."""

    def __init__(self) -> None:
        self._last_time = ""
        self._event_ids: set[str] = set()
        self._people: set[str] = set()
        self._gone: set[str] = set()
        self._members: defaultdict[str, set[str]] = defaultdict(set)
        self._channels: set[str] = set()
        self._closed: set[str] = set()
        self._messages: dict[str, str] = {}
        self._deleted: set[str] = set()

    def check(self, event: Mapping[str, Any]) -> None:
        """Take the next event in."""
        assert event["event_id"] not in self._event_ids, "an event id stands twice"
        self._event_ids.add(event["event_id"])
        assert event["event_time"] >= self._last_time, "time runs backwards"
        self._last_time = event["event_time"]
        if event["type"] == "user_updated":
            self._people.add(event["user_id"])
        assert event["user_id"] in self._people, "somebody acts whom the chat does not know"
        assert event["user_id"] not in self._gone, "somebody acts after their account was closed"
        if event.get("is_deleted"):
            self._gone.add(event["user_id"])
        if "channel_id" in event:
            self._check_place(event["type"], event["user_id"], event["channel_id"])
        if "message_id" in event:
            self._check_message(event["type"], event["channel_id"], event)

    def _check_place(self, kind: str, user_id: str, channel_id: str) -> None:
        if kind == "channel_created":
            assert channel_id not in self._channels, "a channel is created twice"
            self._channels.add(channel_id)
            self._members[channel_id].add(user_id)
        assert channel_id in self._channels, "something happens in a channel that was not created"
        assert channel_id not in self._closed, "something happens in a closed channel"
        if kind in BY_MEMBERS:
            assert user_id in self._members[channel_id], f"{kind} by somebody who is not a member"
        if kind == "join":
            assert user_id not in self._members[channel_id], "somebody joins twice"
            self._members[channel_id].add(user_id)
        elif kind == "leave":
            self._members[channel_id].discard(user_id)
        elif kind == "channel_archived":
            self._closed.add(channel_id)

    def _check_message(self, kind: str, channel_id: str, event: Mapping[str, Any]) -> None:
        message_id = event["message_id"]
        if kind == "message":
            assert message_id not in self._messages, "a message id stands twice"
            self._messages[message_id] = channel_id
            if "thread_id" in event:
                assert self._messages.get(event["thread_id"]) == channel_id, "an answer to no message of this channel"
                assert event["thread_id"] not in self._deleted, "an answer to a deleted message"
        assert self._messages.get(message_id) == channel_id, f"{kind} of a message that is not in this channel"
        if kind in OF_MESSAGES:
            assert message_id not in self._deleted, f"{kind} of a deleted message"
        if kind == "delete":
            self._deleted.add(message_id)
