"""Adoptions: the past is told from the future, and only channels open to everybody are learnt from."""

import numpy as np

from quikapp_ml.training.adoptions import Adoptions, AdoptionsBuilder, open_channels
from support.chats import Chat


def adoptions() -> Adoptions:
    return Adoptions(("a", "b"), np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]))


def test_adoptions_of_the_past() -> None:
    assert adoptions().used_by(0, 2.0) == ["a"]
    assert adoptions().used_by(1, 9.0) == ["a"]
    assert adoptions().before(2.0).users.tolist() == [0]
    assert adoptions().similarity().scores(["b"], ["a"])[0] > 0


def test_how_many_were_used_before_a_moment() -> None:
    assert adoptions().n_used_before(np.array([0, 0, 1]), np.array([2.0, 9.0, 3.0])).tolist() == [1, 2, 0]


def test_only_channels_that_are_open_in_the_end_are_learnt_from() -> None:
    chat = Chat()
    chat.people("ann", "bob")
    for channel_id in ("open", "closed", "old"):
        chat.channel(channel_id, "ann", "bob")
    chat.channel("secret", "ann", "bob", is_private=True)
    chat.tell("join", "ann", channel_id="never-announced")
    chat.tell("channel_made_private", "ann", channel_id="closed")
    chat.tell("channel_archived", "ann", channel_id="old")
    assert open_channels(chat.workspace) == ["open"]
    builder = AdoptionsBuilder()
    for at, channel_id in enumerate(("closed", "open", "old", "secret")):
        builder.add(0, channel_id, float(at))
    built = builder.build(chat.workspace)
    assert (built.channel_ids, built.channels.tolist(), built.at.tolist()) == (("open",), [0], [1.0])


def test_without_anything_there_are_none() -> None:
    assert len(AdoptionsBuilder().build(None)) == 0
