from collections.abc import Sequence

import numpy as np
import pytest

from quikapp_ml.training.channel_steps import ChannelReplay
from quikapp_ml.training.replay import LeakAlarm
from quikapp_ml.training.thread_memory import Post
from quikapp_ml.training.thread_ranking import Question


def asked(posts: Sequence[Post]) -> list[Question]:
    return list(ChannelReplay().questions(posts))


def value(question: Question, name: str) -> list[float]:
    return [float(each) for each in question.features[:, question.names.index(name)]]


OFFICE = [
    Post("ann", "red", "t1", 0.0),
    Post("ann", "blue", "t2", 10.0),
    Post("bob", "red", "t1", 20.0),
    Post("ann", "green", "t3", 30.0),
    Post("bob", "blue", "t2", 40.0),
]


def test_a_question_is_a_first_post_in_a_channel_that_was_there() -> None:
    questions = asked(OFFICE)
    assert [(one.at, one.chosen, len(one.features)) for one in questions] == [(20.0, 0, 2), (40.0, 0, 2)]
    stranger, known = questions
    assert value(stranger, "own_posts") == [0.0, 0.0]
    assert value(stranger, "users") == pytest.approx([np.log1p(1)] * 2)
    assert value(known, "beside")[0] > 0  # ann writes in red and blue: who has red is near blue
    assert value(known, "partners")[0] > 0  # bob answered ann, who writes in blue


def test_what_comes_later_changes_no_question() -> None:
    rng = np.random.default_rng(0)
    posts = [
        Post(f"p{rng.integers(20)}", f"c{rng.integers(9)}", f"t{rng.integers(30)}", 60.0 * at) for at in range(300)
    ]
    cut = 200 * 60.0
    changed = [post if post.at < cut else post._replace(user="x", channel="y") for post in posts]
    before, after = ([one for one in asked(log) if one.at < cut] for log in (posts, changed))
    assert len(before) > 50
    assert [one.features.tolist() for one in before] == [one.features.tolist() for one in after]
    assert all(np.isfinite(one.features).all() for one in before)


def test_a_consequence_before_its_cause_rings_the_alarm() -> None:
    with pytest.raises(LeakAlarm):
        asked([*OFFICE[:2], OFFICE[4], *OFFICE[2:4]])
