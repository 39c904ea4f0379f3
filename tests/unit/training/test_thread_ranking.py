from collections.abc import Sequence

import numpy as np
import pytest

from quikapp_ml.training.boosted import Boosting
from quikapp_ml.training.replay import LeakAlarm
from quikapp_ml.training.thread_features import ThreadView
from quikapp_ml.training.thread_memory import Post
from quikapp_ml.training.thread_ranking import (
    RANKER,
    Question,
    ThreadRanker,
    ThreadReplay,
    moments_of_questions,
    rank_of,
)


def made_chat(n_posts: int = 700, seed: int = 0) -> list[Post]:
    """Two groups, each of which answers threads of its own people within its own channel, and begins some."""
    rng = np.random.default_rng(seed)
    posts: list[Post] = []
    open_threads: dict[int, list[str]] = {0: [], 1: []}
    for number in range(n_posts):
        person = int(rng.integers(12))
        group = person % 2
        if rng.random() < 0.2 or not open_threads[group]:
            open_threads[group].append(f"thread {number}")
        thread = open_threads[group][-1 - int(rng.integers(min(12, len(open_threads[group]))))]
        posts.append(Post(f"p{person}", f"channel {group}", thread, 300.0 * number))
    return posts


def asked(posts: Sequence[Post], since: float = 0.0) -> list[Question]:
    return list(ThreadReplay().questions(posts, since))


def test_a_question_is_a_first_post_of_somebody_known_among_enough_threads() -> None:
    posts = made_chat()
    questions = asked(posts)
    assert len(questions) > 40
    assert {one.at for one in questions} <= set(moments_of_questions(posts))
    assert all(len(one.features) >= 20 and len(one.names) == one.features.shape[1] for one in questions)
    assert all(np.isfinite(one.features).all() for one in questions)


def test_what_comes_later_changes_no_question() -> None:
    posts = made_chat()
    cut = posts[600].at
    changed = [post if post.at < cut else post._replace(user="x", thread=f"other {post.at}") for post in posts]
    before, after = ([one for one in asked(log) if one.at < cut] for log in (posts, changed))
    assert [one.features.tolist() for one in before] == [one.features.tolist() for one in after]


def test_what_happens_in_the_same_second_is_not_known() -> None:
    posts = made_chat()
    at = next(one.at for one in asked(posts) if one.at > posts[600].at)
    place = next(number for number, post in enumerate(posts) if post.at == at)
    crowd = [Post("p1", "channel 1", f"crowd {number}", at) for number in range(3)]
    crowded = [*posts[:place], *crowd, *posts[place:]]
    plain = next(one for one in asked(posts) if one.at == at)
    same = next(one for one in asked(crowded) if one.at == at and one.asker == plain.asker)
    assert same.features.tolist() == plain.features.tolist()


def test_a_consequence_before_its_cause_rings_the_alarm() -> None:
    """The label of a question is the post that answers it: known a second earlier, it would give itself away."""
    posts = made_chat()
    cause = next(one for one in asked(posts) if one.at > posts[600].at)
    place = next(number for number, post in enumerate(posts) if post.at == cause.at)
    replay = ThreadReplay()
    for post in posts[:place]:
        replay.memory.apply(post)
    consequence = posts[place]
    replay.memory.apply(consequence)
    with pytest.raises(LeakAlarm, match="its own consequences"):
        ThreadView(replay.memory, cause.asker, np.arange(3), consequence.at)
    shifted = [*posts[: place - 20], consequence, *posts[place - 20 : place], *posts[place + 1 :]]
    with pytest.raises(LeakAlarm):
        asked(shifted)


def test_the_ranker_learns_who_turns_where() -> None:
    questions = asked(made_chat(1_400))
    held_out = questions[-100:]
    ranker = ThreadRanker.learn(questions[:-100], Boosting(depth=3, rounds=20))
    answers = ranker.answer(held_out)
    assert ranker.n_questions == len(questions) - 100
    assert answers.gains(RANKER).mean() > answers.gains("recency").mean() + 0.1
    assert len(answers.askers) == 100
    assert set(answers.hits(RANKER)) <= {0.0, 1.0}


def test_equal_scores_share_the_middle_of_their_ranks() -> None:
    assert rank_of(0, np.array([1.0, 2.0, 0.0])) == 2.0
    assert rank_of(0, np.zeros(5)) == 3.0
