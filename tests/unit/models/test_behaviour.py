"""Signals besides the words."""

import math

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.models.behaviour import (
    AUTHOR_FEATURES,
    BEHAVIOUR_FEATURES,
    BEHAVIOURS,
    behaviour_signals,
    behaviour_values,
)
from quikapp_ml.models.text import tokenise

NOTHING = tokenise("")


def weighed(**author: float) -> dict[str, float]:
    signals = behaviour_signals(behaviour_values(author, NOTHING))
    return {one.name: one.prior * signal for one, signal in zip(BEHAVIOURS, signals, strict=True) if signal}


def test_nothing_known_says_nothing() -> None:
    assert weighed() == {}
    assert set(behaviour_values({}, NOTHING)) == set(BEHAVIOUR_FEATURES) >= set(AUTHOR_FEATURES)


def test_who_floods_is_suspect_and_who_is_answered_is_trusted() -> None:
    assert weighed(message_rate_1h=20) == {}
    assert weighed(message_rate_1h=200)["message_rate_1h"] > 2
    assert weighed(replies_and_reactions_earned=50)["replies_and_reactions_earned"] < -1
    assert weighed(account_age_days=400) == weighed(account_age_days=4000)
    assert weighed(reports_received=3)["reports_received"] == pytest.approx(1.2 * math.log(4))


def test_a_text_in_many_channels_is_suspect_and_one_in_three_is_not() -> None:
    assert weighed(channels_with_same_text=2) == {}
    assert weighed(channels_with_same_text=8)["channels_with_same_text"] == pytest.approx(0.9 * math.log(7))


def test_links_and_people_named_are_counted_from_the_text() -> None:
    values = behaviour_values({}, tokenise("http://a.example/ http://b.example/ <@U1> @bob <!here>"))
    assert (values["link_count"], values["mention_count"]) == (2, 3)
    assert all(signal == 0 for signal in behaviour_signals(values))


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match="message_rate_1h"):
        behaviour_values({"message_rate_1h": value}, NOTHING)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="is_first_message"):
        behaviour_values({"messages": 1.0}, NOTHING)
