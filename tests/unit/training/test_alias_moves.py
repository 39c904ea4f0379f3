from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.lake.base import Transaction
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training.alias_moves import ALIAS_MOVES, Move, held_at, move_alias, moves_of, version_before
from quikapp_ml.training.starters import register_starters
from support.toy_model import Threshold, WatchedRegistry

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def move(to: int, before: int | None = None, hours: int = 0, alias: str = "champion") -> Move:
    return Move(NOON + timedelta(hours=hours), "ann", "threshold", alias, before, to, "better", {"auc": 0.8})


def moves(*versions: int) -> list[Move]:
    """An hour apart; the first is what the alias stood at before."""
    return [move(to, versions[i], i) for i, to in enumerate(versions[1:])]


def test_a_move_is_recorded_and_made(lake: MemoryLake, registry: WatchedRegistry, starter: Path) -> None:
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    made = move(1, alias="challenger")
    move_alias(registry, lake, made)
    holder = registry.by_alias("threshold", "challenger")
    assert holder is not None
    assert holder.number == 1
    assert moves_of(lake, "threshold", "challenger") == [made]
    assert moves_of(lake, "threshold", "champion") == moves_of(lake, "other", "challenger") == []


def test_under_one_transaction_it_is_recorded_once(lake: MemoryLake, registry: WatchedRegistry, starter: Path) -> None:
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    for _ in range(2):
        move_alias(registry, lake, move(1), Transaction("promotion/threshold", 1))
    assert lake.read(ALIAS_MOVES.name).num_rows == 1


def test_to_a_version_that_does_not_exist_nothing_moves(lake: MemoryLake, registry: WatchedRegistry) -> None:
    with pytest.raises(NotFound, match="no version 7 of a model 'threshold'"):
        move_alias(registry, lake, move(7))
    assert not lake.exists(ALIAS_MOVES.name)


@pytest.mark.parametrize(("minutes", "version"), [(-1, 1), (0, 2), (59, 2), (60, 4), (600, 4)])
def test_any_time_has_its_version(minutes: int, version: int) -> None:
    assert held_at(moves(1, 2, 4), NOON + timedelta(minutes=minutes)) == version


def test_of_what_never_moved_nothing_is_known() -> None:
    assert held_at([], NOON) is None
    assert held_at([move(1)], NOON - timedelta(hours=1)) is None
    assert version_before([]) is None
    assert version_before([move(1)]) is None


@pytest.mark.parametrize(
    ("held", "before"), [((1, 2), 1), ((1, 2, 3), 2), ((1, 2, 3, 2), 1), ((1, 2, 3, 2, 4), 2), ((1, 2, 2), 1)]
)
def test_a_step_back_leads_to_the_version_before(held: tuple[int, ...], before: int) -> None:
    assert version_before(moves(*held)) == before


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_steps_back_end_and_never_come_to_a_version_twice(held: list[int]) -> None:
    history, seen = moves(*held), [held[-1]]
    while (back := version_before(history)) is not None:
        assert back not in seen
        history.append(move(back, seen[-1], len(history)))
        seen.append(back)
