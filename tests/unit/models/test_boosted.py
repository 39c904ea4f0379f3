import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.boosted import BoostedHead, Trees, head_from_parts, line_of
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import RANKING_PRIOR, ContentRanker
from quikapp_ml.models.recommendation import PRIORS, ItemSimilarity, RecommendationModel

FLAT = LinearHead.prior({"a": 0.0}, 0.0)


def stump(column: int = 0, threshold: float = 0.5) -> Trees:
    return Trees(
        np.array([[column]]), np.array([[threshold]], dtype=np.float32), np.array([[-2.0, 2.0]]), np.array([[1.0, 1.0]])
    )


def test_below_the_threshold_goes_left_and_from_it_on_right() -> None:
    assert stump().margins(np.array([[0.4999], [0.5], [7.0]])).tolist() == [-2.0, 2.0, 2.0]


def test_a_score_is_the_calibrated_sum_of_the_trees() -> None:
    head = BoostedHead(FLAT, stump(), slope=0.5, shift=-1.0)
    assert head.logits(np.array([[0.0], [1.0]])).tolist() == [-2.0, 0.0]
    assert head.scores(np.array([[1.0]])).tolist() == [0.5]


def test_trees_correct_a_line() -> None:
    line = LinearHead.prior({"a": 3.0}, -1.0)
    head = BoostedHead(line, stump(), slope=2.0, shift=0.5)
    assert head.logits(np.array([[0.0], [1.0]])).tolist() == [0.5 + 2 * (-1 - 2), 0.5 + 2 * (2 + 2)]
    assert head.bias == 0.5 + 2 * -1
    assert line_of(head) is line_of(line) is line


def test_a_batch_equals_its_rows_one_by_one() -> None:
    rng = np.random.default_rng(0)
    trees = Trees(
        rng.integers(0, 5, (40, 15)), rng.normal(size=(40, 15)).astype(np.float32), rng.normal(size=(40, 16)),
        np.ones((40, 16)),
    )  # fmt: skip
    head = BoostedHead(LinearHead.prior(dict.fromkeys("abcde", 0.5), 0.1), trees, 1.0, 0.0)
    rows = rng.normal(size=(30, 5))
    singly = [(head.logits(row[None])[0], head.contributions(row[None])[0].tolist()) for row in rows]
    assert list(zip(head.logits(rows), head.contributions(rows).tolist(), strict=True)) == singly


def test_columns_are_chosen_by_name() -> None:
    head = BoostedHead(LinearHead.prior({"b": 0.0}, 0.0), stump(), 1.0, 0.0)
    assert head.select(("a", "b"), np.array([[1.0, 2.0]])).tolist() == [[2.0]]
    with pytest.raises(InvalidInput, match="needs the features b"):
        head.select(("a",), np.zeros((1, 1)))


def test_parts_give_the_head_back() -> None:
    head = BoostedHead(FLAT, stump(), 0.5, -1.0)
    again = head_from_parts("item", head.arrays("item"), head.facts())
    assert again.facts() == head.facts()
    assert again.logits(np.array([[1.0]])) == head.logits(np.array([[1.0]]))


@pytest.mark.parametrize(
    ("trees", "words"),
    [
        (lambda: Trees(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 3)), np.ones((1, 3))), "complete"),
        (lambda: Trees(np.zeros(3), np.zeros(3), np.zeros(4), np.ones(4)), "complete"),
        (lambda: Trees(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 3)), np.ones((1, 3))), "one value"),
        (lambda: Trees(np.full((1, 1), -1), np.zeros((1, 1)), np.zeros((1, 2)), np.ones((1, 2))), "below 0"),
        (lambda: Trees(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 2)), np.zeros((1, 2))), "no example"),
    ],
)
def test_trees_that_do_not_fit_are_damaged(trees: object, words: str) -> None:
    with pytest.raises(Damaged, match=words):
        trees()  # type: ignore[operator]


def test_heads_that_do_not_fit_are_damaged() -> None:
    with pytest.raises(Damaged, match="more features"):
        BoostedHead(FLAT, stump(column=1), 1.0, 0.0)
    with pytest.raises(Damaged, match="slope"):
        BoostedHead(FLAT, stump(), 0.0, 0.0)
    with pytest.raises(Damaged, match="cannot be read"):
        BoostedHead.from_parts("item", {}, {**FLAT.facts(), "slope": 1.0, "shift": 0.0})


def test_serving_imports_no_xgboost() -> None:
    code = (
        "import sys, quikapp_ml.models, quikapp_ml.models.boosted, quikapp_ml.training.boosted\n"
        "print([name for name in ('xgboost', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def boosted(line: LinearHead) -> BoostedHead:
    return BoostedHead(line, stump(column=1), slope=0.8, shift=-0.2)


@pytest.mark.parametrize(
    "model",
    [
        ContentRanker(boosted(LinearHead.prior(RANKING_PRIOR, -3.0))),
        RecommendationModel(
            {kind: boosted(LinearHead.prior(prior, -3.5)) for kind, prior in PRIORS.items()}, ItemSimilarity.empty()
        ),
    ],
    ids=lambda model: model.name,
)
def test_rankers_with_trees_are_saved_and_loaded_like_any_other(
    model: ContentRanker | RecommendationModel, tmp_path: Path
) -> None:
    model.save(tmp_path)
    again = type(model).load(tmp_path)
    columns: dict[str, list[object]] = {name: [0.0, 0.6, 3.0] for name in model.inputs}
    if "item_type" in columns:
        columns["item_type"] = ["channel", "user", "message"]
    assert again.predict(columns) == model.predict(columns)
    assert again.facts() == model.facts()
    arrays = dict(model.arrays())
    name = next(one for one in arrays if one.endswith("_leaves"))
    np.savez(tmp_path / "arrays.npz", allow_pickle=False, **{**arrays, name: arrays[name][:, :1]})
    with pytest.raises(Damaged, match="one value and one cover"):
        type(model).load(tmp_path)
