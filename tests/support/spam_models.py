"""A spam classifier that knows a few words only, so that the right answers are known."""

from collections.abc import Mapping

import numpy as np

from quikapp_ml.models.behaviour import BEHAVIOURS
from quikapp_ml.models.hashing import Hashing, bag_of
from quikapp_ml.models.spam import ABUSE_LABELS, SpamClassifier
from quikapp_ml.models.text import tokenise

HASHING = Hashing(bits=14)
BIAS = -2.0


def spam_model(words: Mapping[str, float], insults: Mapping[str, float] | None = None) -> SpamClassifier:
    """Each word has its weight, for spam and for `offensive`; behaviour has its priors."""
    abuse = np.zeros((len(ABUSE_LABELS), 1 << HASHING.bits))
    abuse[0] = _weights(insults or {})
    behaviour = {one.name: one.prior for one in BEHAVIOURS}
    return SpamClassifier(HASHING, _weights(words), behaviour, BIAS, abuse, (-4.0, -4.0))


def _weights(words: Mapping[str, float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = np.zeros(1 << HASHING.bits)
    for word, weight in words.items():
        weights[bag_of(tokenise(word), HASHING).buckets[0]] = weight
    return weights
