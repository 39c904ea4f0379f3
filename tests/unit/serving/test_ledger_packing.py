from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.serving.decisions import json_text
from quikapp_ml.serving.ledger_packing import Candidates

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)


def candidates(numbers: list[list[float]], n_names: int) -> Candidates:
    values = np.array(numbers, dtype=float).reshape(len(numbers), n_names + 1)
    names = tuple(f"f{at}" for at in range(n_names))
    ids = [f"i{at}" for at in range(len(numbers))]
    return Candidates(ids, ["popular"] * len(ids), FeatureFrame(names, values[:, :-1]), values[:, -1])


@given(
    st.integers(0, 5).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.lists(NUMBERS, min_size=n + 1, max_size=n + 1), max_size=20))
    )
)
def test_every_bit_comes_back(given: tuple[int, list[list[float]]]) -> None:
    n_names, numbers = given
    before = candidates(numbers, n_names)
    after = Candidates.unpacked(orjson.loads(orjson.dumps(before.packed())))
    assert (after.item_ids, after.sources, after.frame.names) == (before.item_ids, before.sources, before.frame.names)
    assert after.frame.values.tobytes() == np.ascontiguousarray(before.frame.values).tobytes()
    assert after.scores.tobytes() == np.ascontiguousarray(before.scores).tobytes()
    assert after.frame.values.flags.c_contiguous


def test_the_ledger_writes_them_packed() -> None:
    written = orjson.loads(json_text({"pools": {"channel": candidates([[1.0, 0.5]], 1)}}))
    assert Candidates.unpacked(written["pools"]["channel"]).scores.tolist() == [0.5]


def test_zeros_take_no_room() -> None:
    many = candidates([[0.0] * 11 for _ in range(300)], 10)
    assert len(many.packed()["numbers"]) < 500


@pytest.mark.parametrize("change", [{"numbers": "AAAA"}, {"numbers": "é"}, {"names": 7}, {"sources": None}])
def test_what_was_damaged_is_said_to_be(change: dict[str, Any]) -> None:
    packed = candidates([[1.0, 2.0]], 1).packed()
    with pytest.raises(Damaged, match="candidates of a decision"):
        Candidates.unpacked({**packed, **change})
    del packed["names"]
    with pytest.raises(Damaged):
        Candidates.unpacked(packed)
