"""How well the collaborative filter finds what people use next, beside simple and published baselines.

    python benchmarks/recommend_interactions.py TRAIN TEST [--without-baselines] [--people 5000]

TRAIN and TEST (plain or .gz) hold one person a line: `user item item …`, whole numbers from 0. All items that a person
has not used in TRAIN are ranked; the figures are means over the people of TEST, with the 95 % interval bootstrapped
over them. The last line is JSON; its peak memory is that of the process when it has answered, before any baseline.
"""

import argparse
import gzip
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import implicit  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quikapp_ml.models.collaborative import CollaborativeFilter, FilterSettings
from quikapp_ml.training.measures import interval

CUT = 20
PEOPLE_AT_ONCE = 512
GF_CF = FilterSettings(user_exponent=0.5, way_out_exponent=0.5, n_factors=256, factor_weight=0.3)  # as published
Rankings = NDArray[np.int64]
Floats = NDArray[np.float64]


def read_pairs(path: Path) -> list[list[int]]:
    """Lines of whole numbers: a person, then the items."""
    stored = path.read_bytes()
    lines = (gzip.decompress(stored) if path.suffix == ".gz" else stored).splitlines()
    return [[int(word) for word in line.split()] for line in lines if line.strip()]


def as_table(lines: list[list[int]], shape: tuple[int, int]) -> sparse.csr_matrix:
    """(n_users, n_items) of ones."""
    users = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
    items = np.array([item for line in lines for item in line[1:]])
    table = sparse.csr_matrix((np.ones(len(items), dtype=np.float32), (users, items)), shape=shape)
    table.data[:] = 1
    return table


def measure(rankings: Rankings, wanted: sparse.csr_matrix) -> tuple[Floats, Floats]:
    """Recall and NDCG at the cut, one figure a person."""
    discounts = 1 / np.log2(np.arange(2, CUT + 2))
    n_wanted = np.diff(wanted.indptr)
    best = np.cumsum(discounts)[np.minimum(n_wanted, CUT) - 1]
    hits = np.array([np.isin(ranked, wanted[[row]].indices) for row, ranked in enumerate(rankings)])
    return hits.sum(axis=1) / n_wanted, (hits * discounts).sum(axis=1) / best


def report(name: str, rankings: Rankings, wanted: sparse.csr_matrix, seconds: float) -> dict[str, float]:
    """Print a line of the table."""
    figures: dict[str, float] = {}
    told = []
    for measured, values in zip((f"recall@{CUT}", f"ndcg@{CUT}"), measure(rankings, wanted), strict=True):
        figures[measured] = float(values.mean())
        low, high = interval(lambda drawn, values=values: float(values[drawn].mean()), len(values))  # type: ignore[misc]
        told.append(f"{measured} {figures[measured]:.4f} [{low:.4f}, {high:.4f}]")
    print(f"{name:<24} {'   '.join(told)}   trained in {seconds:.1f} s", flush=True)
    return figures


def ranked(scores_of: Callable[[sparse.csr_matrix], Any], histories: sparse.csr_matrix) -> Rankings:
    """The best items by a baseline's scores, those of the history apart."""
    parts = []
    for start in range(0, histories.shape[0], PEOPLE_AT_ONCE):
        some = histories[start : start + PEOPLE_AT_ONCE]
        scores = np.asarray(scores_of(some), dtype=np.float32)
        scores[some.nonzero()] = -np.inf
        top = np.argpartition(-scores, CUT, axis=1)[:, :CUT]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        parts.append(np.take_along_axis(top, order, axis=1))
    return np.concatenate(parts)


def baselines(train: sparse.csr_matrix, people: Rankings) -> Iterator[tuple[str, Rankings, float]]:
    """Name, lists, seconds of training."""
    histories = train[people]
    uses = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float32)
    yield "popular", ranked(lambda some: np.tile(uses, (some.shape[0], 1)), histories), 0.0

    unit = (train @ sparse.diags_array(np.maximum(uses, 1) ** -0.5)).tocsr()
    yield "item-kNN (cosine)", ranked(lambda some: ((some @ unit.T) @ unit).toarray(), histories), 0.0

    start = perf_counter()
    model = CollaborativeFilter(GF_CF).fit(train)
    seconds = perf_counter() - start
    yield "GF-CF (256 factors, 0.3)", model.recommend(histories, CUT).ids, seconds

    start = perf_counter()
    factors = implicit.als.AlternatingLeastSquares(
        factors=64, regularization=0.05, alpha=10.0, iterations=10, num_threads=2, random_state=0
    )
    factors.fit(train, show_progress=False)
    seconds = perf_counter() - start
    ids, _ = factors.recommend(people, histories, N=CUT)
    yield "iALS (64 factors)", np.asarray(ids, dtype=np.int64), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--without-baselines", action="store_true")
    parser.add_argument("--people", type=int, help="ask about so many, drawn by chance, in place of all")
    given = parser.parse_args()
    lines = read_pairs(given.train), read_pairs(given.test)
    everyone = [line for part in lines for line in part]
    shape = max(line[0] for line in everyone) + 1, max(max(line[1:], default=0) for line in everyone) + 1
    train, test = (as_table(part, shape) for part in lines)
    people = np.flatnonzero(np.diff(test.indptr))
    if given.people:
        people = np.sort(np.random.default_rng(0).permutation(people)[: given.people])
    wanted = test[people]

    start = perf_counter()
    model = CollaborativeFilter().fit(train)
    seconds = perf_counter() - start
    rankings = model.recommend(train[people], CUT).ids
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = report("collaborative filter", rankings, wanted, seconds)
    if not given.without_baselines:
        for name, lists, took in baselines(train, people):
            report(name, lists, wanted, took)
    print(json.dumps({**figures, "train_seconds": round(seconds, 1), "peak_memory_mb": round(peak)}))


if __name__ == "__main__":
    main()
