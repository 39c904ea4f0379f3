"""The lines of people come in the order asked for, also after much was forgotten and made again."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.features.seats import Floats, Rows, Seats

IDS = [f"u{number}" for number in range(3_000)]


class Town:
    """People at places, and what they wrote there: a number that says whose it is and where."""

    def __init__(self) -> None:
        self.places: dict[str, list[int]] = {user_id: [at, at + 1] for at, user_id in enumerate(IDS)}
        self.asked: list[str] = []
        self.seats = Seats(lambda user_id: np.array(self.places[user_id], dtype=np.int64), self.writings)

    def writings(self, user_ids: Sequence[str], places: Sequence[Rows]) -> Floats:
        self.asked += user_ids
        lines = [
            (float(row), float(user_id[1:])) for user_id, rows in zip(user_ids, places, strict=True) for row in rows
        ]
        return np.array(lines, dtype=float).reshape(-1, 2)

    def lines(self, user_ids: Sequence[str]) -> list[tuple[int, int, float, float]]:
        numbers = self.seats.numbers(user_ids)
        lines = self.seats.lines(numbers)
        written = self.seats.writings(numbers, lines)
        return [
            (*both, *one)
            for *both, one in zip(lines.person.tolist(), lines.rows.tolist(), written.tolist(), strict=True)
        ]

    def expected(self, user_ids: Sequence[str]) -> list[tuple[int, int, float, float]]:
        return [
            (at, row, float(row), float(user_id[1:]))
            for at, user_id in enumerate(user_ids)
            for row in self.places[user_id]
        ]


def test_many_people_are_found_once_each_and_nobody_twice() -> None:
    town = Town()
    assert town.lines(IDS) == town.expected(IDS)
    assert town.lines(IDS[::-7]) == town.expected(IDS[::-7])
    assert len(town.asked) == len(IDS)
    assert town.seats.rows_of("u5").tolist() == [5, 6]


def test_what_is_forgotten_is_made_again() -> None:
    town = Town()
    town.lines(IDS)
    town.places["u1"], town.places["u2"] = [], [7, 8, 9]
    for user_id in ("u1", "u2"):
        town.seats.forget(user_id)
    town.seats.forget_writings("u3")
    town.seats.forget("nobody")
    town.asked.clear()
    assert town.lines(["u3", "u2", "u1", "u2"]) == town.expected(["u3", "u2", "u1", "u2"])
    assert sorted(town.asked) == ["u1", "u2", "u3"]


def test_nobody_has_no_lines() -> None:
    assert Town().lines([]) == []


def test_room_is_used_again_and_what_was_handed_out_stays() -> None:
    town = Town()
    town.lines(IDS)
    early = town.seats.rows_of("u0")
    for step in range(5):
        for at, user_id in enumerate(IDS):
            town.places[user_id] = [step, at + 10]
            town.seats.forget(user_id)
        assert town.lines(IDS) == town.expected(IDS)
    assert early.tolist() == [0, 1]
    assert len(town.seats._rows) < 8 * len(IDS)


@given(
    st.lists(
        st.tuples(st.sampled_from(IDS[:6]), st.sets(st.integers(0, 9)), st.lists(st.sampled_from(IDS[:6]))), max_size=20
    )
)
def test_any_history_gives_what_is_there_now(history: list[tuple[str, set[int], list[str]]]) -> None:
    town = Town()
    for user_id, places, asked in history:
        town.places[user_id] = sorted(places)
        town.seats.forget(user_id)
        assert town.lines(asked) == town.expected(asked)
