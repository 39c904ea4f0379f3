from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.features.day_windows import CountedDays, DayWindow, DistinctOfDays

TOLD = st.lists(st.tuples(st.integers(20_000, 20_040), st.sampled_from("abcde")), min_size=1, max_size=60)


@given(TOLD, st.integers(1, 12), st.integers(0, 15))
def test_totals_are_those_of_a_list_of_all_that_happened(told: list[tuple[int, str]], days: int, later: int) -> None:
    counted, distinct = CountedDays(days), DistinctOfDays(days)
    for day, member in told:
        counted.add(day, member)
        distinct.add(day, member)
    today = max(day for day, _ in told) + later
    inside = [member for day, member in told if day > today - days]
    assert counted.total(today) == len(inside)
    assert distinct.total(today) == len(set(inside))


@given(TOLD, TOLD, st.integers(1, 12))
def test_cells_told_as_changed_restore_a_window_that_goes_on_alike(
    before: list[tuple[int, str]], after: list[tuple[int, str]], days: int
) -> None:
    pairs: tuple[tuple[DayWindow, DayWindow], ...] = (
        (CountedDays(days), CountedDays(days)), (DistinctOfDays(days), DistinctOfDays(days)),
    )  # fmt: skip
    for kept, restored in pairs:
        changed = {cell for day, member in before for cell in kept.add(day, member)}
        found = {cell: kept.cell(cell) for cell in changed}
        assert {cell for cell, number in found.items() if number is not None} == set(kept.cells())
        for cell, number in found.items():
            if number is not None:
                restored.load(cell, number)
        for day, member in after:
            kept.add(day, member)
            restored.add(day, member)
        assert {one: kept.cell(one) for one in kept.cells()} == {one: restored.cell(one) for one in restored.cells()}


def test_what_is_kept_is_bounded() -> None:
    counted, distinct = CountedDays(3), DistinctOfDays(3)
    for day in range(20_000, 20_100):
        counted.add(day, "")
        distinct.add(day, f"member {day}")
    assert len(counted.cells()) == len(distinct.cells()) == 4
