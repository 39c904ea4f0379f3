"""Signals of a spam check that are not words: how the author behaves, and how many links and people a text names."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from quikapp_ml.errors import InvalidInput
from quikapp_ml.models.text import BROADCAST, LINK, MENTION, Tokens


@dataclass(frozen=True)
class Behaviour:
    """One signal: how a raw value becomes a number near 0..5 (0 says nothing), and what it means to a person."""

    name: str
    prior: float
    """Weight before any label was seen."""
    shape: Callable[[float], float]
    says: Callable[[float], str]


def _log_beyond(free: float, unit: float, most: float = math.inf) -> Callable[[float], float]:
    return lambda value: math.log1p(max(0.0, min(value, most) - free) / unit)


def _flag(value: float) -> float:
    return min(value, 1.0)


_AUTHOR = (
    Behaviour("message_rate_1h", 1.0, _log_beyond(30, 10),
              lambda value: f"the author wrote about {value:.0f} messages within the last hour"),
    Behaviour("account_age_days", -0.3, _log_beyond(1, 7, most=365),
              lambda value: f"the author has been here for {value:.0f} days"),
    Behaviour("is_first_message", 0.4, _flag, lambda _: "nobody has answered the author yet"),
    Behaviour("reports_received", 1.2, _log_beyond(0, 1, most=5),
              lambda value: f"people reported {value:.0f} of the author's messages"),
    Behaviour("replies_and_reactions_earned", -0.4, _log_beyond(0, 3, most=300),
              lambda value: f"others replied to, reacted to or mentioned the author {value:.0f} times"),
    Behaviour("is_bot", -1.0, _flag, lambda _: "the author is a known bot"),
)  # fmt: skip
_SPREAD = (
    Behaviour("channels_with_same_text", 0.9, _log_beyond(2, 1, most=50),
              lambda value: f"nearly the same text was posted in {value:.0f} other channels within a day"),
)  # fmt: skip
_TEXT = (
    Behaviour("link_count", 0.5, _log_beyond(3, 1, most=50), lambda value: f"the text has {value:.0f} links"),
    Behaviour("mention_count", 0.7, _log_beyond(5, 1, most=50), lambda value: f"the text names {value:.0f} people"),
)

BEHAVIOURS: tuple[Behaviour, ...] = _AUTHOR + _TEXT + _SPREAD
AUTHOR_FEATURES: tuple[str, ...] = tuple(behaviour.name for behaviour in _AUTHOR)
"""Values about the author that a check is given; what is left out says nothing."""
SPREAD_FEATURES: tuple[str, ...] = tuple(behaviour.name for behaviour in _SPREAD)
"""Values about the text's copies, which only the running service knows."""
LATER_PRIORS: Mapping[str, float] = {behaviour.name: behaviour.prior for behaviour in _SPREAD}
"""Weights of signals that models saved by earlier releases do not have."""
BEHAVIOUR_FEATURES: tuple[str, ...] = tuple(behaviour.name for behaviour in BEHAVIOURS)


GIVEN_FEATURES: tuple[str, ...] = AUTHOR_FEATURES + SPREAD_FEATURES
"""All values that a check is given; the others are counted from the text."""


def behaviour_values(author: Mapping[str, float], tokens: Tokens) -> dict[str, float]:
    """Raw values of all signals: the author's and the copies', checked, and the text's, counted.

    Raises InvalidInput on an unknown name or a number that is negative or not finite.
    """
    values = dict.fromkeys(BEHAVIOUR_FEATURES, 0.0)
    for name, value in author.items():
        if name not in GIVEN_FEATURES:
            raise InvalidInput(f"unknown behaviour {name!r}; known are {', '.join(GIVEN_FEATURES)}")
        if not (math.isfinite(value) and value >= 0):
            raise InvalidInput(f"{name} is {value}; it must be a finite number that is not negative")
        values[name] = float(value)
    values.update(counted(tokens.texts))
    return values


def counted(texts: Sequence[str]) -> dict[str, float]:
    """The values that are counted from the tokens of a text."""
    return {
        "link_count": float(texts.count(LINK)),
        "mention_count": float(texts.count(MENTION) + texts.count(BROADCAST)),
    }


def behaviour_signals(values: Mapping[str, float]) -> list[float]:
    """Shaped values in the order of BEHAVIOURS, ready to be weighed."""
    return [behaviour.shape(values[behaviour.name]) for behaviour in BEHAVIOURS]
