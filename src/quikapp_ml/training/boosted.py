"""LambdaMART by XGBoost, and its trees as the arrays that serving reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import orjson

from quikapp_ml.models.boosted import BoostedHead, Head, Trees, line_of
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.training.choices import Choices, fit_head, mean_with_interval, ndcg_of_questions, row_weights
from quikapp_ml.training.linear import calibrate

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Boosting:
    """How trees are grown."""

    depth: int = 4
    rounds: int = 100
    rate: float = 0.1
    row_share: float = 0.7
    column_share: float = 0.6
    min_child_weight: float = 5.0
    n_threads: int = 1


HEAD = Boosting(rounds=60, rate=0.15)
N_OTHERS = 30
"""So many items that were not chosen are learnt from, a question."""
MIN_QUESTIONS = 300
"""Fewer are too few to tell whether trees help."""
HELD_OUT = 0.25


def fit_ranking_head(choices: Choices, previous: Head, prior: Mapping[str, float], boosting: Boosting = HEAD) -> Head:
    """A line near the previous one, with trees on it where they help.

    Whether they do is seen on the last quarter of the choices, by a line and trees that learnt from those before: the
    interval of the gain in NDCG@10 must lie above 0. The same quarter calibrates. Then both learn from all choices.
    """
    line = fit_head(choices, line_of(previous), prior)
    if choices.n_questions < MIN_QUESTIONS:
        return line
    early, late = choices.split_at(float(np.quantile(choices.at, 1 - HELD_OUT)))
    if not early.n_questions or not late.n_questions:
        return line
    tried = _boosted(early, fit_head(early, line_of(previous), prior), prior, boosting)
    features = tried.select(late.names, late.features)
    logits = tried.logits(features)
    gain = ndcg_of_questions(late, logits) - ndcg_of_questions(late, tried.line.logits(features))
    _, low, _ = mean_with_interval({"gain": gain}, {"gain": late.asker})
    if low <= 0:
        return line
    slope, shift = calibrate(logits, late.chosen.astype(float), row_weights(late))
    return replace(_boosted(choices, line, prior, boosting), slope=slope, shift=shift)


def _boosted(choices: Choices, line: LinearHead, prior: Mapping[str, float], boosting: Boosting) -> BoostedHead:
    """Trees that correct a line. As in the line, a feature speaks for an item or against it, as its prior says."""
    choices = choices.thinned(N_OTHERS)
    features = line.select(choices.names, choices.features)
    signs = tuple(int(np.sign(prior.get(name, 0.0))) for name in line.names)
    booster = train_booster(
        replace(choices, names=line.names, features=features), boosting, line.logits(features), signs
    )
    return BoostedHead(line, trees_of(booster, boosting.depth), 1.0, 0.0)


def train_booster(choices: Choices, boosting: Boosting, before: Array | None = None, signs: Sequence[int] = ()) -> Any:
    """An `xgboost.Booster` that puts what was chosen first (LambdaMART for NDCG@10).

    `before` (n_rows,) are scores that it adds to; `signs` tell of each feature whether more of it may only raise (1) or
    only lower (-1) a score.
    """
    xgboost = import_module("xgboost")  # it brings pandas and scikit-learn along: only who trains waits for that
    rows = xgboost.QuantileDMatrix(choices.features, choices.chosen, qid=choices.question)
    if before is not None:
        rows.set_base_margin(before)
    parameters: dict[str, Any] = {
        "objective": "rank:ndcg",
        "lambdarank_pair_method": "topk",
        "lambdarank_num_pair_per_sample": 10,
        "base_score": 0.0,
        "max_depth": boosting.depth,
        "eta": boosting.rate,
        "subsample": boosting.row_share,
        "colsample_bytree": boosting.column_share,
        "min_child_weight": boosting.min_child_weight,
        "nthread": boosting.n_threads,
        "seed": 0,
    }
    if any(signs):
        parameters["monotone_constraints"] = tuple(signs)
    return xgboost.train(parameters, rows, boosting.rounds)


def margins_of(booster: Any, features: Array) -> Array:
    """(n_rows,): what a booster's trees add up to."""
    return np.asarray(booster.inplace_predict(features, predict_type="margin"))


def trees_of(booster: Any, depth: int) -> Trees:
    """The trees of an `xgboost.Booster` of at most so many levels, read from its own JSON."""
    stored = orjson.loads(bytes(booster.save_raw("json")))
    found = [_complete(tree, depth) for tree in stored["learner"]["gradient_booster"]["model"]["trees"]]
    splits, thresholds, leaves, covers = (np.array(part) for part in zip(*found, strict=True))
    return Trees(splits.astype(np.int16), thresholds.astype(np.float32), leaves, covers)


def _complete(tree: dict[str, Any], depth: int) -> tuple[Array, Array, Array, Array]:
    """A tree filled up to its full depth: where it ends early, everything goes on to the left."""
    n_nodes = 2**depth - 1
    splits, thresholds = np.zeros(n_nodes), np.full(n_nodes, np.finfo(np.float32).max)
    leaves, covers = np.zeros(n_nodes + 1), np.zeros(n_nodes + 1)
    open_nodes = [(0, 0)]
    while open_nodes:
        node, place = open_nodes.pop()
        left = tree["left_children"][node]
        if left >= 0:
            splits[place], thresholds[place] = tree["split_indices"][node], tree["split_conditions"][node]
            open_nodes += [(left, 2 * place + 1), (tree["right_children"][node], 2 * place + 2)]
            continue
        while place < n_nodes:
            place = 2 * place + 1
        leaves[place - n_nodes] = tree["split_conditions"][node]
        covers[place - n_nodes] = tree["sum_hessian"][node]
    return splits, thresholds, leaves, covers
