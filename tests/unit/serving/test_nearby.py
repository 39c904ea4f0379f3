"""The ring of fingerprints and the buckets that point into it."""

import numpy as np
import pytest

from quikapp_ml.models.fingerprint import N_HASHES, Fingerprint
from quikapp_ml.serving.nearby import ALIKE_FROM, Nearby

DICE = np.random.default_rng(5)


def drawn() -> Fingerprint:
    return DICE.integers(0, 2**32, N_HASHES, dtype=np.uint32)


def changed(print_: Fingerprint, n_kept: int) -> Fingerprint:
    other = drawn()
    kept = DICE.permutation(N_HASHES)[:n_kept]
    other[kept] = print_[kept]
    return other


def test_nothing_is_like_anything_in_an_empty_ring() -> None:
    assert Nearby(16, 100.0).find(drawn(), 0.0) is None
    assert Nearby(16, 100.0).find(np.zeros(N_HASHES, dtype=np.uint32), 0.0) is None


@pytest.mark.parametrize(("share", "least_found"), [(0.95, 1.0), (0.8, 0.98), (0.7, 0.95), (0.62, 0.85)])
def test_what_is_alike_is_nearly_always_found(share: float, least_found: float) -> None:
    ring = Nearby(4_096, 100.0)
    prints = [drawn() for _ in range(1_000)]
    for number, print_ in enumerate(prints):
        ring.keep(print_, str(number), 0.0)
    n_alike = int(np.ceil(share * N_HASHES))
    found = [ring.find(changed(print_, n_alike), 1.0) == str(number) for number, print_ in enumerate(prints)]
    assert np.mean(found) >= least_found


def test_what_is_not_alike_is_not_found() -> None:
    ring = Nearby(4_096, 100.0)
    prints = [drawn() for _ in range(500)]
    for print_ in prints:
        ring.keep(print_, "known", 0.0)
    n_alike = int(ALIKE_FROM * N_HASHES) - 1
    assert all(ring.find(changed(print_, n_alike), 1.0) is None for print_ in prints)


def test_the_most_alike_has_the_say() -> None:
    ring = Nearby(64, 100.0)
    print_ = drawn()
    ring.keep(changed(print_, 45), "far", 0.0)
    ring.keep(print_, "near", 0.0)
    assert ring.find(print_, 1.0) == "near"
