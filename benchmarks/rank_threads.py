"""How well the next thread that somebody turns to is foreseen in a real chat, beside simple rules.

    python benchmarks/rank_threads.py EVENTS [LATER] [--questions 40000]

EVENTS and LATER are Parquet or TSV (.tsv, .tsv.gz) with the columns user_id, channel, thread_id, unix_seconds. A
question is somebody's first post in a thread, for people with 20 earlier posts or more: all threads of the last 48
hours in which they had not written are ranked (20 at least) by what was known before that second. The ranker learns
from the last questions of EVENTS and is asked all of LATER; without LATER it is asked the last tenth of those of EVENTS
(it then learns from those before). Intervals (95 %) are bootstrapped over people. The last line is JSON.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import perf_counter

import pyarrow as pa
from pyarrow import csv, parquet

from quikapp_ml.training.choices import mean_with_interval
from quikapp_ml.training.thread_memory import Post
from quikapp_ml.training.thread_ranking import (
    RANKER,
    Answers,
    Question,
    ThreadRanker,
    ThreadReplay,
    moments_of_questions,
)

COLUMNS = ("user_id", "channel", "thread_id", "unix_seconds")
HELD_OUT = 0.1
WARM_UP = 0.2
"""The first questions teach habits alone."""


def read_posts(path: Path) -> list[Post]:
    """Posts in the order of time."""
    is_text = ".tsv" in path.suffixes
    rows = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t")) if is_text else parquet.read_table(path)
    missing = [name for name in COLUMNS if name not in rows.column_names]
    if missing:
        raise SystemExit(f"{path} lacks the columns {', '.join(missing)}; it must have {', '.join(COLUMNS)}")
    rows = rows.select(COLUMNS).sort_by("unix_seconds")
    columns = [rows[name].cast(pa.string()).to_pylist() for name in COLUMNS[:3]]
    return [Post(*each) for each in zip(*columns, map(float, rows[COLUMNS[3]].to_pylist()), strict=True)]


def until(questions: Iterator[Question], end: float, kept: list[Question]) -> Iterator[Question]:
    """Questions before a moment; the first one from it on is kept."""
    for one in questions:
        if one.at >= end:
            kept.append(one)
            return
        yield one


def report(answers: Answers) -> dict[str, float]:
    """Print the table; give the figures of the ranker."""
    figures: dict[str, float] = {}
    for name in answers.ranks:
        told = []
        for measure, values in (("ndcg@10", answers.gains(name)), ("hit@10", answers.hits(name))):
            mean, low, high = mean_with_interval({measure: values}, {measure: answers.askers})
            told.append(f"{measure} {mean:.4f} [{low:.4f}, {high:.4f}]")
            if name == RANKER:
                figures |= {measure: mean, f"{measure}_low": low, f"{measure}_high": high}
        print(f"{name:<26} {'   '.join(told)}", flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("later", type=Path, nargs="?")
    parser.add_argument("--questions", type=int, default=40_000, help="learn from so many, the last ones")
    given = parser.parse_args()
    past = read_posts(given.events)
    later = [post for post in read_posts(given.later) if post.at > past[-1].at] if given.later else []
    moments = moments_of_questions(past)
    if not moments:
        raise SystemExit(f"{given.events} holds no first post in a thread by somebody with 20 earlier ones")
    ask_from = later[0].at if later else moments[int((1 - HELD_OUT) * len(moments))]
    moments = [moment for moment in moments if moment < ask_from][-given.questions :]
    learn_from = moments[int(WARM_UP * len(moments))]

    start = perf_counter()
    kept: list[Question] = []
    questions = ThreadReplay().questions(chain(past, later), since=moments[0])
    ranker = ThreadRanker.learn(one for one in until(questions, ask_from, kept) if one.at >= learn_from)
    seconds = perf_counter() - start
    print(f"learnt from {ranker.n_questions:,} questions in {seconds:.0f} s", flush=True)
    answers = ranker.answer(chain(kept, questions))
    figures = report(answers)
    print(json.dumps({**figures, "questions": len(answers.askers), "train_seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
