"""Whether units arrive in the shares that they were promised, tested at every look.

Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022: the Bayes factor of a Dirichlet
prior around the promised shares is a test martingale, so it passes 1/alpha with probability alpha at most, ever.
"""

from collections.abc import Sequence
from math import exp, fsum, isclose

import numpy as np
from scipy.special import gammaln

from quikapp_ml.experiments.checks import refused, sample

CONCENTRATION = 10_000.0
"""How close to the promised shares a mismatch is expected: the smaller it is, the later small ones are found."""


def mismatch_p_value(counts: Sequence[int], shares: Sequence[float], concentration: float = CONCENTRATION) -> float:
    """The always-valid p-value at this look; below 0.01, stop and look for what loses units."""
    seen, promised = sample("counts", counts), sample("shares", shares)
    if seen.size != promised.size or (seen < 0).any():
        raise refused("counts", "wrong_counts", list(counts), f"{promised.size} counts of at least 0")
    if (promised <= 0).any() or not isclose(fsum(shares), 1, abs_tol=1e-9):
        raise refused("shares", "weights_sum", list(shares), "shares above 0 that sum to 1")
    prior = concentration * promised
    evidence = gammaln(concentration) - gammaln(concentration + seen.sum())
    evidence += float(np.sum(gammaln(prior + seen) - gammaln(prior) - seen * np.log(promised)))
    return exp(min(0.0, -float(evidence)))
