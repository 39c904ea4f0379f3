"""Aliases as rollouts move them."""

from pathlib import Path

import pytest

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION
from quikapp_ml.training.alias_moves import moves_of
from quikapp_ml.training.rollout_moves import RecordedAliases
from support.rolling import NOW, RANKER, KeptRegistry


@pytest.fixture
def aliases(tmp_path: Path) -> RecordedAliases:
    return RecordedAliases(KeptRegistry(tmp_path), DeltaLake(str(tmp_path / "lake")), lambda: NOW)


def test_a_move_has_a_row_and_is_made_once(aliases: RecordedAliases) -> None:
    for _ in range(2):
        aliases.move(RANKER, CHAMPION, 2, "ranks", "better", {"clicks": 9})
    assert aliases.held(RANKER, CHAMPION) == 2
    (move,) = moves_of(aliases.lake, RANKER, CHAMPION)
    assert (move.who, move.from_version, move.to_version, move.why) == ("rollout:ranks", 1, 2, "better")
    assert (move.moved_at, move.evidence) == (NOW, {"clicks": 9})


def test_a_move_that_was_cut_off_after_its_row_is_ended_without_another(aliases: RecordedAliases) -> None:
    aliases.move(RANKER, CHAMPION, 2, "ranks", "better", {})
    aliases.registry.set_alias(RANKER, CHAMPION, 1)
    aliases.move(RANKER, CHAMPION, 2, "ranks", "better", {})
    assert aliases.held(RANKER, CHAMPION) == 2
    assert len(moves_of(aliases.lake, RANKER, CHAMPION)) == 1


def test_an_alias_that_is_not_there_can_be_taken_away_and_a_version_that_is_not_there_named_by_none(
    aliases: RecordedAliases,
) -> None:
    aliases.remove(RANKER, CHALLENGER)
    assert aliases.held(RANKER, CHALLENGER) is None
    with pytest.raises(NotFound):
        aliases.move(RANKER, CHALLENGER, 9, "ranks", "why", {})
