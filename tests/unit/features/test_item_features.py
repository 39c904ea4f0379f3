"""Columns whose values can be worked out by hand, and that they are the ones the models know."""

import numpy as np
import pytest

from quikapp_ml.features.conversations import conversations
from quikapp_ml.features.frame import FeatureFrame, freshness, newest_first
from quikapp_ml.features.item_features import channel_features, conversation_features, person_features
from quikapp_ml.models.recommendation import PRIORS
from support.chats import Chat, office


def channels(chat: Chat, *channel_ids: str, here: str | None = None) -> FeatureFrame:
    return channel_features(chat.view("ann"), channel_ids, np.zeros(len(channel_ids)), here)


def test_the_columns_are_those_of_the_model() -> None:
    view = office().view("ann")
    assert channels(office(), "craft").names == tuple(PRIORS["channel"])
    assert person_features(view, ["dan"], None).names == tuple(PRIORS["user"])
    assert conversation_features(view, conversations(view, ["home"], 5), None).names == tuple(PRIORS["message"])


def test_channels() -> None:
    frame = channels(office(), "craft", "lobby", "attic")
    assert frame.column("collaborators").tolist() == [1.0, 0.0, 0.0]
    assert frame.column("team").tolist() == [1.0, 0.0, 0.0]
    assert frame.column("popularity")[1] == 1.0
    assert frame.column("popularity")[0] == pytest.approx(0.5**0.5, rel=0.01)
    assert frame.column("first_steps") == pytest.approx(frame.column("popularity") / 3)
    assert frame.column("shared_members")[0] == pytest.approx(1.0)
    assert frame.column("newness") == pytest.approx([1.0, 1.0, 1.0], abs=0.01)


def test_the_current_channel_counts_shared_members() -> None:
    frame = channels(office(), "craft", "lobby", here="home")
    assert frame.column("current_channel") == pytest.approx([2 / (3 * 2) ** 0.5, 0.0])


def test_people() -> None:
    view = office().view("ann")
    frame = person_features(view, ["bob", "cid", "dan", "nobody"], "home")
    assert frame.column("shared_channels") == pytest.approx([1.0, frame.column("shared_channels")[1], 0.0, 0.0])
    assert 0 < frame.column("shared_channels")[1] < 1
    assert frame.column("team").tolist() == [1.0, 1.0, 0.0, 0.0]
    assert frame.column("already_in_contact").tolist() == [1.0, 0.0, 0.0, 0.0]
    assert frame.column("current_channel").tolist() == [1.0, 1.0, 0.0, 0.0]
    assert frame.column("activity")[2] == 1.0
    assert frame.column("presence")[3] == frame.column("wrote_last")[3] == 0.0


def test_conversations() -> None:
    chat = office()
    view = chat.view("ann")
    given = conversations(view, ["home", "lobby"], 20)
    frame = conversation_features(view, given, "home")
    at_home = np.array([one.channel_id == "home" for one in given])
    assert frame.column("current_channel").tolist() == frame.column("membership").tolist() == at_home.tolist()
    assert frame.column("author").tolist() == at_home.tolist()
    assert frame.column("channel_habit").tolist() == at_home.tolist()
    assert frame.column("recency")[0] == frame.column("newest_first")[0] == 1.0
    assert frame.column("reactions").sum() == pytest.approx(np.log(2))


def test_all_values_are_finite_and_nothing_is_negative() -> None:
    for user_id in ("ann", "nobody-yet"):
        view = office().view(user_id)
        frames = [
            channel_features(view, list(view.channels), np.zeros(len(view.channels)), None),
            person_features(view, ["bob", "dan", "never"], None),
            conversation_features(view, conversations(view, view.channels, 9), None),
            channel_features(view, [], np.zeros(0), None),
            person_features(view, [], None),
            conversation_features(view, [], None),
        ]
        for frame in frames:
            assert np.isfinite(frame.values).all()
            assert (frame.values >= 0).all()


def test_ages_are_beside_the_newest() -> None:
    assert freshness(np.array([100.0, 90.0, -np.inf]), 10.0).tolist() == [1.0, 0.5, 0.0]
    assert freshness(np.array([-np.inf]), 10.0).tolist() == [0.0]
    assert newest_first(np.array([5.0, 9.0, -np.inf, 9.0])).tolist() == pytest.approx([0.5, 1.0, 0.0, 1.0])
