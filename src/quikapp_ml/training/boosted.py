"""LambdaMART by XGBoost, and its trees as the arrays that serving reads."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import orjson

from quikapp_ml.models.boosted import Trees
from quikapp_ml.training.choices import Choices

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


def train_booster(choices: Choices, boosting: Boosting) -> Any:
    """An `xgboost.Booster` that puts what was chosen first (LambdaMART for NDCG@10)."""
    xgboost = import_module("xgboost")  # it brings pandas and scikit-learn along: only who trains waits for that
    rows = xgboost.QuantileDMatrix(choices.features, choices.chosen, qid=choices.question)
    parameters = {
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
