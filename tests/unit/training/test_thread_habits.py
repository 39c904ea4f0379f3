import numpy as np

from quikapp_ml.training.thread_habits import EDGES, Habits


def columns(ages: list[float]) -> dict[str, np.ndarray]:
    return {name: np.array(ages) if name == "age" else np.zeros(len(ages)) for name in EDGES}


def test_who_always_picks_old_threads_has_a_habit_of_it_and_others_have_not() -> None:
    habits = Habits()
    for _ in range(40):
        _, bins = habits.lifts(0, columns([3.0, 11.9]))
        habits.learn(0, bins, chosen=1)
    for _ in range(40):
        _, bins = habits.lifts(1, columns([3.0, 11.9]))
        habits.learn(1, bins, chosen=0)
    own, other = (habits.lifts(person, columns([3.0, 11.9]))[0]["habit_age"] for person in (0, 1))
    assert own[1] > 0 > own[0]
    assert other[0] > 0 > other[1]
    assert not np.any(habits.lifts(0, columns([3.0, 11.9]))[0]["habit_posts"][0] - own[0] == 0)
