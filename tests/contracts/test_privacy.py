"""What a person may not see is never in an answer, its reasons, its counts or its scores.

Two tries to break it. A machine drives a small chat through random joins, leaves, privacy changes, archives, mutes,
blocks and deletions, keeps its own simple book of who may see what, and checks every answer against the book. And
every answer must be the same, byte for byte, as that of a chat in which the hidden things never happened: neither what
happened in channels that the asker never was in, nor what others did in those that the asker lost sight of.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from quikapp_ml.entities.events import Event
from quikapp_ml.entities.questions import RankItem, RankQuestion, RecommendationQuestion
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.serving.policy import ListPolicy
from support.chats import Chat, ranker, recommender

HISTORIES = int(os.environ.get("PRIVACY_HISTORIES", "30"))
"""Of up to 40 steps each. A long run: PRIVACY_HISTORIES=2500 scripts/test contracts."""
PEOPLE = ("ann", "bob", "cid", "dan", "eve")
CHANNELS = ("c1", "c2", "c3", "c4")
person = st.sampled_from(PEOPLE)
channel = st.sampled_from(CHANNELS)
flag = st.booleans()


class Book:
    """Who may see what, kept in the simplest way there is."""

    def __init__(self) -> None:
        self.joined: dict[str, set[str]] = defaultdict(set)
        self.guests: set[str] = set()
        self.created: set[str] = set()
        self.private: set[str] = set()
        self.archived: set[str] = set()
        self.muted: set[tuple[str, str]] = set()
        self.blocked: set[tuple[str, str]] = set()
        self.deleted_people: set[str] = set()
        self.deleted_messages: set[str] = set()
        self.author: dict[str, str] = {}
        self.place: dict[str, str] = {}

    def is_in(self, user_id: str, channel_id: str) -> bool:
        return user_id in self.joined[channel_id] and user_id not in self.deleted_people

    def may_see(self, user_id: str, channel_id: str) -> bool:
        if self.is_in(user_id, channel_id):
            return True
        is_public = channel_id in self.created and channel_id not in self.private
        return is_public and user_id not in self.deleted_people and user_id not in self.guests

    def may_join(self, user_id: str, channel_id: str) -> bool:
        return (
            self.may_see(user_id, channel_id)
            and not self.is_in(user_id, channel_id)
            and channel_id not in self.archived
            and (user_id, channel_id) not in self.muted
        )

    def may_meet(self, user_id: str, other: str) -> bool:
        return other != user_id and other not in self.deleted_people and not self.avoids(user_id, other)

    def avoids(self, user_id: str, other: str) -> bool:
        return (user_id, other) in self.muted or (user_id, other) in self.blocked or (other, user_id) in self.blocked

    def may_read(self, user_id: str, message_id: str) -> bool:
        channel_id, author = self.place[message_id], self.author[message_id]
        return (
            self.may_see(user_id, channel_id)
            and channel_id not in self.archived
            and (user_id, channel_id) not in self.muted
            and message_id not in self.deleted_messages
            and self.may_meet(user_id, author)
        )


class PrivacyMachine(RuleBasedStateMachine):
    """Random histories of a chat; after each step one person asks."""

    def __init__(self) -> None:
        super().__init__()
        self.chat = Chat()
        self.book = Book()
        self.n_messages = 0
        self.asker = PEOPLE[0]
        self.lost_at: dict[tuple[str, str], int] = {}
        """How many events there were when a person last did something in, or was able to look into, a channel."""
        self.seen: set[tuple[str, str]] = set()
        for at, user_id in enumerate(PEOPLE):
            self.chat.people(user_id, team="red" if at % 2 else "blue")

    @rule(user_id=person, channel_id=channel, is_private=flag)
    def create(self, user_id: str, channel_id: str, is_private: bool) -> None:
        if channel_id in self.book.created:
            return
        self.chat.tell("channel_created", user_id, channel_id=channel_id, name=f"#{channel_id}", is_private=is_private)
        self.book.created.add(channel_id)
        self.book.joined[channel_id].add(user_id)
        if is_private:
            self.book.private.add(channel_id)

    @rule(user_id=person, channel_id=channel, is_join=flag)
    def join_or_leave(self, user_id: str, channel_id: str, is_join: bool) -> None:
        self.chat.tell("join" if is_join else "leave", user_id, channel_id=channel_id)
        members = self.book.joined[channel_id]
        members.add(user_id) if is_join else members.discard(user_id)

    @rule(user_id=person, channel_id=channel, names=person, thread=st.integers(0, 3))
    def post(self, user_id: str, channel_id: str, names: str, thread: int) -> None:
        self.n_messages += 1
        message_id = f"m{self.n_messages}"
        earlier = [one for one, place in self.book.place.items() if place == channel_id][-thread:] if thread else []
        self.chat.tell(
            "message", user_id, channel_id=channel_id, message_id=message_id, content=f"see <@{names}>",
            **({"thread_id": earlier[0]} if earlier else {}),
        )  # fmt: skip
        self.book.joined[channel_id].add(user_id)
        self.book.author[message_id], self.book.place[message_id] = user_id, channel_id

    @rule(user_id=person, which=st.integers(0, 5))
    def react(self, user_id: str, which: int) -> None:
        recent = list(self.book.place)[-6:]
        if which < len(recent):
            self.chat.react(user_id, self.book.place[recent[which]], recent[which])

    @rule(which=st.integers(0, 5))
    def delete(self, which: int) -> None:
        recent = list(self.book.place)[-6:]
        if which < len(recent):
            message_id = recent[which]
            author, place = self.book.author[message_id], self.book.place[message_id]
            self.chat.tell("delete", author, channel_id=place, message_id=message_id)
            self.book.deleted_messages.add(message_id)

    @rule(user_id=person, channel_id=channel, removed=flag, what=st.sampled_from(["private", "archived"]))
    def change(self, user_id: str, channel_id: str, removed: bool, what: str) -> None:
        if channel_id not in self.book.created:
            return
        kind = "channel_made_private" if what == "private" else "channel_archived"
        self.chat.tell(kind, user_id, channel_id=channel_id, removed=removed)
        changed = self.book.private if what == "private" else self.book.archived
        changed.discard(channel_id) if removed else changed.add(channel_id)

    @rule(user_id=person, whom=st.one_of(person, channel), removed=flag)
    def mute(self, user_id: str, whom: str, removed: bool) -> None:
        field = "target_user_id" if whom in PEOPLE else "channel_id"
        self.chat.tell("mute", user_id, removed=removed, **{field: whom})
        self.book.muted.discard((user_id, whom)) if removed else self.book.muted.add((user_id, whom))

    @rule(user_id=person, other=person, removed=flag)
    def block(self, user_id: str, other: str, removed: bool) -> None:
        if user_id != other:
            self.chat.tell("block", user_id, target_user_id=other, removed=removed)
            self.book.blocked.discard((user_id, other)) if removed else self.book.blocked.add((user_id, other))

    @rule(user_id=person, is_deleted=flag)
    def depart_or_return(self, user_id: str, is_deleted: bool) -> None:
        team = "red" if PEOPLE.index(user_id) % 2 else "blue"
        self.chat.tell("user_updated", user_id, name=user_id.capitalize(), team=team, is_deleted=is_deleted)
        gone = self.book.deleted_people
        gone.add(user_id) if is_deleted else gone.discard(user_id)

    @rule(user_id=person, role=st.sampled_from(["guest", "member", "admin"]))
    def change_role(self, user_id: str, role: str) -> None:
        self.chat.tell("role_changed", user_id, role=role)
        guests = self.book.guests
        guests.add(user_id) if role == "guest" else guests.discard(user_id)

    @rule(user_id=person)
    def look_through_the_eyes_of(self, user_id: str) -> None:
        self.asker = user_id

    @invariant()
    def only_what_may_be_seen_is_recommended(self) -> None:
        book, asker = self.book, self.asker
        listed = recommender(self.chat, MODEL, POLICY)[0].recommend(question(asker, limit=5)).recommendations
        for item in (*recommender(self.chat, MODEL)[0].recommend(question(asker)).recommendations, *listed):
            if item.item_type == "channel":
                assert book.may_join(asker, item.item_id), item
            elif item.item_type == "user":
                assert book.may_meet(asker, item.item_id), item
            else:
                assert book.may_read(asker, item.item_id), item
            text = " ".join(reason.text for reason in item.reasons) + item.source
            hidden = [one for one in CHANNELS if not book.may_see(asker, one)]
            assert not [one for one in hidden if one in text], item
            people = [one for one in PEOPLE if book.avoids(asker, one)]
            assert not [one for one in people if one.capitalize() in text], item

    @invariant()
    def nothing_permitted_is_missing(self) -> None:
        book, asker = self.book, self.asker
        answer = recommender(self.chat, MODEL)[0].recommend(question(asker))
        found = {item.item_id for item in answer.recommendations}
        assert {one for one in CHANNELS if book.may_join(asker, one)} <= found
        assert {one for one in PEOPLE if book.may_meet(asker, one)} <= found

    @invariant()
    def hidden_things_change_no_byte(self) -> None:
        self.note_what_is_seen()
        logs = {tuple(log) for log in (self.without_hidden_channels(), self.without_what_is_out_of_sight())}
        for log in logs - {tuple(self.chat.log)}:
            other = Chat()
            for event in log:
                other.apply(event)
            other.time = self.chat.time
            assert self.answers(self.chat) == self.answers(other)

    def without_hidden_channels(self) -> Iterator[Event]:
        """All but what happened in channels that the asker may not see and never did anything in."""
        asker = self.asker
        used = {event.channel_id for event in self.chat.log if event.user_id == asker and hasattr(event, "channel_id")}
        hidden = {one for one in CHANNELS if not self.book.may_see(asker, one) and one not in used}
        return (event for event in self.chat.log if getattr(event, "channel_id", None) not in hidden)

    def without_what_is_out_of_sight(self) -> Iterator[Event]:
        """All but what happened since the asker last saw, or did something in, channels that they may not see now."""
        for at, event in enumerate(self.chat.log):
            channel_id = str(getattr(event, "channel_id", ""))
            is_hidden = channel_id in CHANNELS and not self.book.may_see(self.asker, channel_id)
            if not is_hidden or at < self.lost_at.get((self.asker, channel_id), 0):
                yield event

    def note_what_is_seen(self) -> None:
        n_events, newest = len(self.chat.log), self.chat.log[-1]
        where = getattr(newest, "channel_id", None)
        for user_id in PEOPLE:
            for channel_id in CHANNELS:
                is_doer = user_id == newest.user_id and where == channel_id
                now_seen = self.book.may_see(user_id, channel_id)
                if now_seen or is_doer or (user_id, channel_id) in self.seen:
                    self.lost_at[user_id, channel_id] = n_events
                (self.seen.add if now_seen else self.seen.discard)((user_id, channel_id))

    def answers(self, chat: Chat) -> list[bytes]:
        place = self.book.place
        items = [RankItem(item_id=one) for one in (*place, "none")]
        items += [RankItem(item_id=one, item_type="channel") for one in CHANNELS]
        items += [RankItem(item_id=one, item_type="user") for one in PEOPLE]
        items += [RankItem(item_id=f"with-{one}", channel_id=place) for one, place in list(place.items())[:3]]
        placed = [RankItem(item_id=one, channel_id=place) for one, place in place.items()]
        return answers(chat, self.asker, items, placed)


MODEL = RecommendationModel.prior()
RANKER = ContentRanker.prior()
POLICY = ListPolicy(diversity=0.5, most_of_a_source=0.5, explore=1.0, promoted=("c2", "c3"))
"""All that a policy can do at once."""


def question(user_id: str, limit: int = 100) -> RecommendationQuestion:
    return RecommendationQuestion(user_id=user_id, limit=limit, explain=True, context={"channel_id": "c1"})


def answers(chat: Chat, user_id: str, *lists: list[RankItem]) -> list[bytes]:
    given: list[Any] = [
        recommender(chat, MODEL)[0].recommend(question(user_id)),
        recommender(chat, None)[0].recommend(question(user_id)),
        recommender(chat, MODEL, POLICY)[0].recommend(question(user_id, limit=5)),
    ]
    for items in filter(None, lists):
        for query in (None, "c1 c2 ann"):
            asked = RankQuestion(user_id=user_id, items=items, query=query, explain=True)
            given.append(ranker(chat, RANKER)[0].rank(asked))
    return [orjson.dumps(asdict(answer)) for answer in given]


PrivacyMachine.TestCase.settings = settings(
    max_examples=HISTORIES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPrivacy = PrivacyMachine.TestCase
