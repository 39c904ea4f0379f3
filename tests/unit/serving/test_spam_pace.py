"""When the model is left alone."""

from quikapp_ml.serving.spam_pace import REST_SECONDS, SLOW_IN_A_ROW, SLOW_SECONDS, Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def allows(pace: Pace) -> bool:
    return pace.allows


def test_a_model_that_is_slow_again_and_again_rests() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(5):
        for _ in range(SLOW_IN_A_ROW - 1):
            pace.note(2 * SLOW_SECONDS)
        pace.note(SLOW_SECONDS / 2)
    assert allows(pace)
    for _ in range(SLOW_IN_A_ROW):
        pace.note(2 * SLOW_SECONDS)
    assert not allows(pace)
    clock.now += REST_SECONDS
    assert allows(pace)


def test_after_a_rest_one_slow_answer_is_enough_and_a_quick_one_ends_it() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(SLOW_IN_A_ROW):
        pace.note(2 * SLOW_SECONDS)
    clock.now += REST_SECONDS
    pace.note(2 * SLOW_SECONDS)
    assert not allows(pace)
    clock.now += REST_SECONDS
    pace.note(0.001)
    pace.note(2 * SLOW_SECONDS)
    assert allows(pace)
