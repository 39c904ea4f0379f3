import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.training.replay import LeakAlarm
from quikapp_ml.training.thread_memory import ACTIVE_SECONDS, Post, ThreadMemory


def told(*posts: Post) -> ThreadMemory:
    memory = ThreadMemory()
    for post in posts:
        memory.apply(post)
    return memory


def test_a_thread_is_counted_by_its_posts() -> None:
    memory = told(Post("ann", "c", "t", 0.0), Post("bob", "c", "t", 10.0), Post("ann", "c", "t", 20.0))
    of = {name: values[0] for name, values in memory.of_thread.items()}
    assert (of["posts"], of["people"], of["first"], of["last"], of["before_last"]) == (3, 2, 0.0, 20.0, 10.0)
    assert of["authors"].tolist()[:3] == [0, 1, -1]
    assert of["author_times"].tolist()[:2] == [20.0, 10.0]
    assert (of["starter"], of["by_starter"], of["joined"]) == (0, 2, 10.0)
    assert of["times"].tolist()[:3] == [20.0, 10.0, 0.0]


def test_who_answers_is_linked_to_whom_and_when() -> None:
    memory = told(Post("ann", "c", "t", 0.0), Post("bob", "c", "t", 10.0))
    ann, bob = memory.users["ann"], memory.users["bob"]
    assert memory.answers.row(bob, 10.0, 2)[ann] == 1.0
    assert memory.answers.row(ann, 10.0, 2)[bob] == 0.0
    assert memory.answered.row(ann, 10.0, 2)[bob] == 1.0
    assert memory.together.row(ann, 10.0, 2)[bob] == memory.together.row(bob, 10.0, 2)[ann] == 1.0
    assert memory.met.row(ann, 2)[bob] == 10.0


def test_candidates_are_the_lively_threads_of_others() -> None:
    memory = told(
        Post("ann", "c", "old", 0.0), Post("ann", "c", "mine", 1.0), Post("bob", "c", "his", 2.0),
        Post("bob", "c", "late", ACTIVE_SECONDS),
    )  # fmt: skip
    ann = memory.users["ann"]
    names = {number: name for name, number in memory.threads.items()}
    assert [names[one] for one in memory.candidates(ann, ACTIVE_SECONDS + 1.5)] == ["his", "late"]


def test_the_alarm_rings_when_a_post_comes_before_what_is_known() -> None:
    with pytest.raises(LeakAlarm, match="sort the log by time"):
        told(Post("ann", "c", "t", 5.0), Post("ann", "c", "t", 4.0))


@given(moment=st.floats(0, 100))
def test_the_alarm_rings_for_every_question_about_what_is_over(moment: float) -> None:
    memory = told(Post("ann", "c", "t", 50.0))
    if moment > 50.0:
        memory.ask(moment)
    else:
        with pytest.raises(LeakAlarm, match="its own consequences"):
            memory.ask(moment)


def test_people_who_write_in_the_same_threads_are_near() -> None:
    memory = ThreadMemory()
    for at in range(60):
        group = "left" if at % 2 else "right"
        for number in range(3):
            memory.apply(Post(f"{group} {number}", group, f"thread {at}", 10.0 * at + number))
    factors = memory.factors(1_000.0)
    near = factors @ factors.T
    same, other = near[memory.users["left 0"], memory.users["left 1"]], near[0, memory.users["left 1"]]
    assert same > other + 0.05
    assert not factors[-1].any()
    assert np.array_equal(factors, memory.factors(1_001.0))


def test_threads_grow_beyond_what_was_set_aside() -> None:
    memory = told(*(Post("ann", "c", f"t{at}", float(at)) for at in range(2_500)))
    assert memory.of_thread["posts"][:2_500].tolist() == [1.0] * 2_500
