"""Whether units arrive in the shares that they were promised, tested at every look.

A bet against the shares that is fair while they hold passes 1/alpha with probability alpha at most, ever (Ville 1939).
Three bets are made at once, and what they win is added up:

- HORIZON_PART: that a share has left what a test of LEVEL allows by the horizon, where 50 : 51 has to be found. It is
  worth the chance, by the reflection principle, that fair arrivals would still leave it; so it is nearly as strong as
  the test that looks only once, at the horizon (O'Brien and Fleming 1979; as a martingale, Lan, Simon, Halperin 1982).
- SMALLEST_PART: that the odds of one variant are SMALLEST_ODDS of those promised (Wald 1945), which finds it early.
- The rest: Dirichlet priors around the promised shares, which find all that is bigger, and go on for ever (Lindon,
  Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022).

The first is exact for normal increments only; its horizon is so far that counts are close to it.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from math import erfc, exp, fsum, isclose, lgamma, log, log1p, sqrt
from statistics import NormalDist

from quikapp_ml.experiments.checks import refused, sample

LEVEL = 0.01
"""Below it, no other number of an experiment is believed."""
SMALLEST_ODDS = 51 / 50
"""The smallest mismatch that has to be found."""
HORIZON_INFORMATION = 200_000 / 4
"""Units · share · (1 - share) by which it has to be found: 200,000 units in halves."""
HORIZON_PART, SMALLEST_PART = 0.6, 0.3
CONCENTRATIONS = (100.0, 1_000.0, 10_000.0)
"""How close to the promised shares the other mismatches are: the smaller, the bigger mismatch is found soonest."""


def mismatch_p_value(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The always-valid p-value at this look; below LEVEL, stop and look for what loses units."""
    _check(counts, shares)
    units, tested = sum(counts), range(len(shares) if len(shares) > 2 else 1)  # of two variants, one says all
    level = LEVEL * HORIZON_PART / len(tested)
    left = fsum(_left_by_horizon(counts[at], units, shares[at], level) for at in tested)
    others = (1 - HORIZON_PART - SMALLEST_PART) / len(CONCENTRATIONS)
    total = _log_sum(
        [
            *([log(HORIZON_PART * left / len(tested))] if left > 0 else []),
            *(log(SMALLEST_PART / len(tested)) + _odds_changed(counts[at], units, shares[at]) for at in tested),
            *(log(others) + dirichlet_evidence(counts, shares, each) for each in CONCENTRATIONS),
        ]
    )
    return exp(min(0.0, -total))


def dirichlet_evidence(counts: Sequence[int], shares: Sequence[float], concentration: float) -> float:
    """The logarithm of the Bayes factor of a Dirichlet prior around the promised shares."""
    evidence = lgamma(concentration) - lgamma(concentration + sum(counts))
    return evidence + fsum(
        lgamma(concentration * share + count) - lgamma(concentration * share) - count * log(share)
        for count, share in zip(counts, shares, strict=True)
    )


def _left_by_horizon(count: float, units: float, share: float, level: float) -> float:
    """How much likelier than at the start fair arrivals are to leave the bound; nothing beyond the horizon."""
    variance = share * (1 - share)
    horizon = HORIZON_INFORMATION / variance
    if units > horizon:
        return 0.0
    bound, off = _deviations(level / 4) * sqrt(horizon), (count - units * share) / sqrt(variance)
    if units == horizon:
        return float(abs(off) >= bound) / level
    ahead = sqrt(2 * (horizon - units))
    return fsum(min(1.0, erfc((bound - side * off) / ahead)) for side in (1, -1)) / level


@cache
def _deviations(tail: float) -> float:
    return -NormalDist().inv_cdf(tail)


def _odds_changed(count: float, units: float, share: float) -> float:
    """The logarithm of how much likelier these counts are under the smallest mismatch, to either side alike."""
    sides = (log(SMALLEST_ODDS), -log(SMALLEST_ODDS))
    return _log_sum([tilt * count - units * log1p(share * (exp(tilt) - 1)) for tilt in sides]) - log(2)


def _log_sum(logarithms: Iterable[float]) -> float:
    parts = list(logarithms)
    greatest = max(parts)
    return greatest + log(fsum(exp(part - greatest) for part in parts))


def _check(counts: Sequence[int], shares: Sequence[float]) -> None:
    seen, promised = sample("counts", counts), sample("shares", shares)
    if seen.size != promised.size or (seen < 0).any():
        raise refused("counts", "wrong_counts", list(counts), f"{promised.size} counts of at least 0")
    if (promised <= 0).any() or not isclose(fsum(shares), 1, abs_tol=1e-9):
        raise refused("shares", "weights_sum", list(shares), "shares above 0 that sum to 1")
