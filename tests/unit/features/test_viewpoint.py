"""What one person sees of a chat, and whom they work with."""

import numpy as np
import pytest

from quikapp_ml.features.frame import share_of_largest
from quikapp_ml.features.viewpoint import MAX_COMPANIONS, Viewpoint
from support.chats import Chat, office


def popularity(view: Viewpoint, channel_id: str) -> float:
    return float(view.popularity(view.rows([channel_id]))[0])


def test_channels_are_those_one_may_look_into() -> None:
    view = office().view("ann")
    assert list(view.channels) == ["attic", "craft", "home", "lobby", "secret-own"]
    assert view.own_channels == ["home", "secret-own"]
    assert view.open_channels == ["attic", "craft", "lobby"]
    assert view.members("vault") == frozenset()
    assert view.channels_of("bob") == ["craft", "home", "secret-own"]
    assert view.recent_messages("vault", 5) == []
    assert view.message("vault", "v1") is None


def test_collaborators_share_out_all_contacts() -> None:
    chat = office()
    chat.react("ann", "craft", "c1")
    view = chat.view("ann")
    assert list(view.collaborators) == ["bob", "cid"]
    assert sum(view.collaborators.values()) == pytest.approx(1.0)
    assert view.collaborators["bob"] > 0.9


def test_shares_stay_while_the_workspace_sleeps() -> None:
    chat = office()
    before = chat.view("ann")
    chat.wait(days=3_000)
    after = chat.view("ann")
    for name in ("collaborators", "habits"):
        assert getattr(after, name) == pytest.approx(getattr(before, name))
    rows = np.flatnonzero(before.visible)
    assert after.popularity(rows).tolist() == before.popularity(rows).tolist()
    assert after.joins(rows).tolist() == before.joins(rows).tolist()
    assert popularity(before, "lobby") == 1.0


def test_the_liveliest_channel_is_the_liveliest_that_one_may_see() -> None:
    chat = office()
    for number in range(50):
        chat.post("dan", "vault", f"x{number}")
    assert popularity(chat.view("ann"), "lobby") == 1.0
    assert popularity(chat.view("dan"), "lobby") < 1.0


def test_who_is_known_only_from_a_hidden_room_is_not_known() -> None:
    chat = office()
    chat.post("ghost", "vault", "g1")
    assert chat.view("ann").person("ghost") is None
    assert "ghost" not in list(chat.view("ann").listed_people())
    assert chat.view("dan").person("ghost") is not None


def test_companions_are_taken_from_small_channels_first() -> None:
    chat = Chat()
    chat.channel("large", "ann", *(f"p{number:03}" for number in range(MAX_COMPANIONS + 50)))
    chat.channel("small", "ann", "zoe")
    companions = chat.view("ann").companions
    assert "zoe" in companions
    assert len(companions) == MAX_COMPANIONS


def test_share_of_largest_is_0_to_1() -> None:
    assert share_of_largest(np.array([0.0, 1.0, 4.0])).tolist() == [0.0, 0.5, 1.0]
    assert share_of_largest(np.zeros(2)).tolist() == [0.0, 0.0]
    assert share_of_largest(np.zeros(0)).tolist() == []


def test_channels_whose_names_begin_with_the_same_word_are_kin() -> None:
    chat = Chat()
    for channel_id, name in (("c1", "release-notes"), ("c2", "release talk"), ("c3", "lunch"), ("c4", "release")):
        chat.tell("channel_created", "ann", channel_id=channel_id, name=name, is_private=False)
    chat.tell("channel_renamed", "ann", channel_id="c4", name="lunch_places")
    chat.post("ann", "c5", "m1")  # its creation was never seen
    view = chat.view("ann")
    one, two, three, four, nameless = view.name_kin(view.rows(["c1", "c2", "c3", "c4", "c5"])).tolist()
    assert (one, three, nameless) == (two, four, 0)
    assert one != three
