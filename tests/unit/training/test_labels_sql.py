import re

import pytest

from quikapp_ml.training.labels_sql import DRAWS, HAM_PER_SPAM, MAX_OF_A_KIND, Counts, candidates_sql, wanted_of

KINDS = ("spam", "ham", "heard", "calm")


def reaches(counts: Counts) -> list[int]:
    """The highest draws that are told, of the kinds that have more messages than are wanted."""
    return sorted({int(reach) for reach in re.findall(r"draw <= (\d+)", candidates_sql(0, counts))})


def test_all_are_told_where_all_are_wanted() -> None:
    assert reaches({"spam": 30, "ham": 30 * HAM_PER_SPAM, "heard": 150, "calm": 150}) == []


def test_only_draws_near_the_wanted_number_are_told() -> None:
    counts = {"spam": 1_000, "ham": 1_000_000, "heard": 0, "calm": 0}
    wanted = 1_000 * HAM_PER_SPAM
    (reach,) = reaches(counts)
    assert wanted_of(counts)["ham"] == wanted
    assert reach / DRAWS == pytest.approx(wanted / 1_000_000, rel=0.08)
    assert reach / DRAWS > wanted / 1_000_000


def test_there_is_a_most_of_each_kind() -> None:
    assert wanted_of(dict.fromkeys(KINDS, 10 * MAX_OF_A_KIND)) == dict.fromkeys(KINDS, MAX_OF_A_KIND)


def test_a_reach_ends_at_the_last_draw() -> None:
    assert reaches({"spam": 0, "ham": 201, "heard": 0, "calm": 0}) == [DRAWS]
