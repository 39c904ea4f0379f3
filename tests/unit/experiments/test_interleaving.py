from random import Random

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.experiments.interleaving import Pick, preference, team_draft

RANKING = st.permutations(list("abcdefgh"))


@given(RANKING, RANKING, st.integers(0, 10), st.integers())
def test_fair_and_without_repetition(first: list[str], second: list[str], length: int, seed: int) -> None:
    picks = team_draft(first, second, length, Random(seed))
    items = [pick.item for pick in picks]
    assert len(items) == len(set(items)) == min(length, 8)
    assert abs(sum(1 if pick.team else -1 for pick in picks)) <= 1


def test_equal_rankings_stay_as_they_are_and_short_ones_are_filled_up() -> None:
    assert [pick.item for pick in team_draft("abc", "abc", 3, Random(8))] == ["a", "b", "c"]
    assert {pick.item for pick in team_draft("a", "bcd", 4, Random(8))} == {"a", "b", "c", "d"}


def test_clicks_by_chance_prefer_nobody() -> None:
    random = Random(8)
    found = [preference(team_draft("abcd", "dcba", 4, random), {random.choice("abcd")}) for _ in range(4000)]
    assert abs(sum(found)) < 3 * 4000**0.5


def test_preference_by_hand() -> None:
    picks = [Pick("a", 0), Pick("b", 1), Pick("c", 1)]
    assert preference(picks, {"a"}) == -1
    assert preference(picks, {"a", "b"}) == 0
    assert preference(picks, {"a", "b", "c"}) == 1
    assert preference(picks, {"other"}) == 0
