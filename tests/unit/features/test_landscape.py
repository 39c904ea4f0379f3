"""What is kept for all askers is, after any events, what it would be if it were made anew."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from quikapp_ml.features.candidates import conversation_candidates, person_candidates
from quikapp_ml.features.conversations import conversations
from quikapp_ml.features.landscape import LIVELY, N_LIVELIEST, Landscape
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from support.chats import Chat

PEOPLE = ("ann", "bob", "cid", "dan")
PLACES = ("c1", "c2", "c3", "c4")
N_EVENTS = 120


def happen(chat: Chat, draw: random.Random) -> None:
    who, other, place = draw.choice(PEOPLE), draw.choice(PEOPLE), draw.choice(PLACES)
    number, removed = len(chat.log), draw.random() < 0.4
    match draw.randrange(10):
        case 0:
            is_private = removed
            chat.tell("channel_created", who, channel_id=place, name=place, is_private=is_private)
        case 1:
            chat.tell("leave" if removed else "join", who, channel_id=place)
        case 2:
            chat.tell("channel_made_private", who, channel_id=place, removed=removed)
        case 3:
            chat.tell("channel_archived", who, channel_id=place, removed=removed)
        case 4:
            chat.tell("user_updated", who, name=who, team=draw.choice("xy"), is_deleted=removed)
        case 5:
            chat.tell("block", who, target_user_id=other, removed=removed)
        case 6:
            chat.tell("delete", who, channel_id=place, message_id=f"m{draw.randrange(number + 1)}")
        case 7:
            chat.react(who, place, f"m{draw.randrange(number + 1)}")
        case _:
            thread_id = f"m{draw.randrange(number)}" if number and removed else None
            chat.post(who, place, f"m{number}", thread_id)


def made_anew(chat: Chat) -> Chat:
    """The same chat, of which nothing is kept yet."""
    again = Chat()
    again.time = chat.time
    for event in chat.log:
        again.apply(event)
    return again


def written(land: Landscape, asked: Sequence[str]) -> object:
    numbers = land.seats.numbers(asked)
    lines = land.seats.lines(numbers)
    return lines.person.tolist(), lines.rows.tolist(), land.seats.writings(numbers, lines).tolist()


def seen(chat: Chat) -> object:
    """Everything that is kept, asked for."""
    land = Landscape.of(chat.workspace, chat.features)
    views = [chat.view(user_id) for user_id in PEOPLE]
    return (
        land.channel_ids, land.is_public.tolist(), land.is_archived.tolist(), land.sizes.tolist(),
        land.strengths.tolist(), repr(land.created_at.tolist()), land.liveliest.tolist(), land.newest.tolist(),
        land.extremes[0], land.extremes[1].tolist(), land.rarities.tolist(), land.people, sorted(land.absent),
        [sorted(land.team(name)) for name in "xy"],
        [sorted(land.blockers(one)) for one in PEOPLE],
        [land.roster(one) for one in PLACES],
        [land.memberships(one).tolist() for one in PEOPLE],
        [written(land, asked) for asked in ((*PEOPLE, "nobody", PEOPLE[0]), (), ("nobody",))],
        [land.overlaps(one).tolist() for one in PLACES],
        [person_candidates(view) for view in views],
        [[one.message.message_id for one in conversation_candidates(view)] for view in views],
        [[one.n_replies for one in conversations(view, PLACES, 3)] for view in views],
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_would_be_made_anew(seed: int) -> None:
    draw, chat = random.Random(seed), Chat()
    for number in range(N_EVENTS):
        happen(chat, draw)
        if draw.random() < 0.5:
            kept = seen(chat)
            if number % 5 == 0:
                assert kept == seen(made_anew(chat))


def test_other_features_of_the_same_chat_have_their_own() -> None:
    chat = Chat()
    chat.channel("home", "ann")
    chat.post("ann", "home", "m1")
    first = Landscape.of(chat.workspace, chat.features)
    assert Landscape.of(chat.workspace, chat.features) is first
    second = Landscape.of(chat.workspace, OnlineFeatures())
    assert second.channel_ids == ["home"]
    assert np.isfinite(first.strengths[0, LIVELY])
    assert not np.isfinite(second.strengths[0, LIVELY])
    assert Landscape.of(chat.workspace, chat.features).strengths.tolist() == first.strengths.tolist()


def test_of_many_channels_only_the_liveliest_are_at_hand_and_equal_ones_go_by_id() -> None:
    chat = Chat()
    for number in range(N_LIVELIEST + 20):
        chat.channel(f"c{number:04}", "founder")
    chat.post("founder", f"c{N_LIVELIEST + 10:04}", "m1")
    land = Landscape.of(chat.workspace, chat.features)
    assert len(land.liveliest) == N_LIVELIEST
    assert land.liveliest.tolist() == [N_LIVELIEST + 10, *range(N_LIVELIEST - 1)]
    view = chat.view("stranger")
    assert view.ids(view.liveliest(view.open, 2)) == [f"c{N_LIVELIEST + 10:04}", "c0000"]
    every = view.ids(view.liveliest(view.open, N_LIVELIEST + 5))
    assert len(every) == N_LIVELIEST + 5


def test_a_state_that_is_loaded_is_seen_whole() -> None:
    chat = Chat()
    chat.channel("home", "ann", "bob")
    workspace, features = Workspace(), OnlineFeatures()
    Landscape.of(workspace, features)
    for state, source in ((workspace, chat.workspace), (features, chat.features)):
        for namespace, documents in source.changes().items():
            state.load(namespace, [(key, document) for key, document in documents.items() if document])
    assert Landscape.of(workspace, features).channel_ids == ["home"]
    assert Landscape.of(workspace, features).sizes.tolist() == [2]
