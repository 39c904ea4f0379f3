"""A model that is too slow is left alone for a while: rules answer, so that nobody else waits."""

from collections.abc import Callable

SLOW_SECONDS = 0.1
SLOW_IN_A_ROW = 3
REST_SECONDS = 5.0


class Pace:
    """Whether the model may be asked now. `clock` gives seconds; after a rest, one slow answer begins the next."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._n_slow = 0
        self._rests_until = float("-inf")

    @property
    def allows(self) -> bool:
        """Whether it is not resting."""
        return self._clock() >= self._rests_until

    def note(self, seconds: float) -> None:
        """Note how long an answer took."""
        self._n_slow = self._n_slow + 1 if seconds > SLOW_SECONDS else 0
        if self._n_slow >= SLOW_IN_A_ROW:
            self._n_slow = SLOW_IN_A_ROW - 1
            self._rests_until = self._clock() + REST_SECONDS
