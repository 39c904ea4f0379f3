from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import ITEM_TYPES
from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame
from quikapp_ml.serving.decisions import json_text
from quikapp_ml.serving.ledger_packing import Candidates, Pools

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)

OLD_NUMBERS, OLD_NOTHING = (
    "BCJNGGBAgiYAAAARAAEAIfA_BwBQAAAAmpkBABO5EAAh8H8VALAABMBZ8_jCH26lAQAAAAA=",
    "BCJNGGBAggAAAAA=",
)


def candidates(numbers: list[list[float]], n_names: int) -> Candidates:
    values = np.array(numbers, dtype=float).reshape(len(numbers), n_names + 1)
    names = tuple(f"f{at}" for at in range(n_names))
    ids = [f"i{at}" for at in range(len(numbers))]
    return Candidates(ids, ["popular"] * len(ids), FeatureFrame(names, values[:, :-1]), values[:, -1])


def assert_same(after: Candidates, before: Candidates) -> None:
    assert (after.item_ids, after.sources, after.frame.names) == (before.item_ids, before.sources, before.frame.names)
    assert after.frame.values.tobytes() == np.ascontiguousarray(before.frame.values).tobytes()
    assert after.scores.tobytes() == np.ascontiguousarray(before.scores).tobytes()
    assert after.frame.values.flags.c_contiguous


POOL = st.integers(0, 5).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.lists(NUMBERS, min_size=n + 1, max_size=n + 1), max_size=20))
)


@given(st.lists(POOL, max_size=3))
def test_every_bit_comes_back(given: list[tuple[int, list[list[float]]]]) -> None:
    before = {kind: candidates(numbers, n) for kind, (n, numbers) in zip(ITEM_TYPES, given, strict=False)}
    after = Pools.unpacked(orjson.loads(orjson.dumps(Pools(before).packed())))
    assert list(after.by_type) == list(before)
    for name, one in after.by_type.items():
        assert_same(one, before[name])


def test_the_ledger_writes_them_packed() -> None:
    written = orjson.loads(json_text({"pools": Pools({"channel": candidates([[1.0, 0.5]], 1)})}))
    assert Pools.unpacked(written["pools"]).by_type["channel"].scores.tolist() == [0.5]


def test_what_older_versions_wrote_is_read() -> None:
    """Each type had numbers of its own."""
    written = {
        "user": {"item_ids": ["i0", "i1"], "sources": ["popular"] * 2, "names": ["f0", "f1"], "numbers": OLD_NUMBERS},
        "message": {"item_ids": [], "sources": [], "names": ["f0"], "numbers": OLD_NOTHING},
    }
    after = Pools.unpacked(written).by_type
    assert_same(after["user"], candidates([[1.0, 0.1, -2.5], [0.0, float("inf"), 1e-300]], 2))
    assert after["message"].scores.tolist() == []


def test_zeros_take_no_room() -> None:
    many = candidates([[0.0] * 11 for _ in range(300)], 10)
    assert len(Pools({"user": many}).packed()["numbers"]) < 500


@pytest.mark.parametrize("change", [{"numbers": "AAAA"}, {"numbers": "é"}, {"types": 7}, {"types": {"user": {}}}])
def test_what_was_damaged_is_said_to_be(change: dict[str, Any]) -> None:
    packed = Pools({"user": candidates([[1.0, 2.0]], 1)}).packed()
    with pytest.raises(Damaged, match="candidates of a decision"):
        Pools.unpacked({**packed, **change})


@pytest.mark.parametrize("name", ["item_ids", "sources", "names"])
def test_a_text_that_is_missing_is_said_to_be(name: str) -> None:
    packed = Pools({"user": candidates([[1.0, 2.0]], 1)}).packed()
    del packed["types"]["user"][name]
    with pytest.raises(Damaged):
        Pools.unpacked(packed)
