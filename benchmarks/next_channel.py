"""How well the next channel that somebody first writes in is foreseen in a real chat, beside popularity.

    python benchmarks/next_channel.py EVENTS [LATER]

Data as in `rank_threads.py`. A question is somebody's first post in a channel that was there; all channels in which
they had not written are ranked by what was known before that second. The ranker learns from EVENTS and is asked LATER;
without LATER it learns from the first four fifths of the questions and is asked the rest. Popular: most people so far;
lively: most first posts, halved in 30 days. Intervals (95 %) are bootstrapped over people, those of gains over the
better of the two rules as well. The last line is JSON.
"""

import argparse
import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from quikapp_ml.training.boosted import Boosting, margins_of, train_booster
from quikapp_ml.training.channel_steps import ChannelReplay
from quikapp_ml.training.choices import Choices, ChoicesBuilder, mean_with_interval, ndcg_of_questions
from rank_threads import read_posts

Array = np.ndarray[Any, Any]

HELD_OUT = 0.2
BOOSTING = Boosting(depth=4, rounds=150, rate=0.05)
RULES = {"popular": "users", "lively": "steps_30"}
SEEN = ((0, 0), (1, 2), (3, 9), (10, 49), (50, 10**9))
"""Posts of the asker before the question, from and to."""


def told(values: Array, askers: Array) -> str:
    """Mean and interval."""
    mean, low, high = mean_with_interval({"": values}, {"": askers})
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"


def report(asked: Choices, gains: dict[str, Array], best_rule: str) -> dict[str, float]:
    """Print a line for each number of posts seen; give the figures."""
    posts = np.rint(np.expm1(asked.column("own_posts")[asked.chosen]))
    figures: dict[str, float] = {}
    for low, high in ((0, 10**9), *SEEN):
        rows = (posts >= low) & (posts <= high)
        if not rows.any():
            continue
        name = (
            "all"
            if (low, high) == (0, 10**9)
            else f"{low} or more posts"
            if high == 10**9
            else f"{low} to {high} posts"
        )
        means = {rule: float(each[rows].mean()) for rule, each in gains.items()}
        print(
            f"{name:<18} questions {rows.sum():>6}   "
            + "   ".join(f"{rule} {mean:.4f}" for rule, mean in means.items())
        )
        difference = gains["ranker"][rows] - gains[best_rule][rows]
        print(f"{'':<18} over {best_rule}: {told(difference, asked.asker[rows])}", flush=True)
        key = "" if name == "all" else f"_seen_{low}"
        _, at_least, at_most = mean_with_interval({"": difference}, {"": asked.asker[rows]})
        figures |= {f"ndcg@10{key}": means["ranker"], f"{best_rule}{key}": means[best_rule]}
        figures |= {f"gain_low{key}": at_least, f"gain_high{key}": at_most}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path)
    parser.add_argument("later", type=Path, nargs="?")
    given = parser.parse_args()
    past = read_posts(given.events)
    later = [post for post in read_posts(given.later) if post.at > past[-1].at] if given.later else []
    builder = ChoicesBuilder(max_others=10_000)
    for one in ChannelReplay().questions(chain(past, later)):
        builder.add(one.names, one.features, one.chosen, one.at, one.asker)
    choices = builder.build()
    learnt, asked = choices.split_at(later[0].at if later else float(np.quantile(choices.at, 1 - HELD_OUT)))
    booster = train_booster(learnt, BOOSTING)
    gains = {"ranker": ndcg_of_questions(asked, margins_of(booster, asked.features))}
    gains |= {rule: ndcg_of_questions(asked, asked.column(name)) for rule, name in RULES.items()}
    best_rule = max(RULES, key=lambda rule: float(gains[rule].mean()))
    print(f"learnt from {learnt.n_questions:,} questions")
    figures = report(asked, gains, best_rule)
    print(json.dumps({**{name: round(value, 4) for name, value in figures.items()}, "questions": asked.n_questions}))


if __name__ == "__main__":
    main()
