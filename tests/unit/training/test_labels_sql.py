import re

import pytest

from quikapp_ml.training.labels_sql import DRAWS, HAM_PER_SPAM, MAX_OF_A_KIND, sentiment_labels_sql, spam_labels_sql


def drawn(sql: str) -> list[tuple[int, int]]:
    """Of each kind that is drawn from: the highest draw that is looked at, and how many are wanted."""
    reaches, wanted = re.findall(r"<= (\d+)\s+\) AS near", sql), re.findall(r"place <= (\d+)", sql)
    return [(int(reach), int(n)) for reach, n in zip(reaches, wanted, strict=True)]


def test_nothing_is_sorted_where_all_are_wanted() -> None:
    counts = {"spam": 30, "ham": 30 * HAM_PER_SPAM, "heard": 150, "calm": 150}
    assert drawn(spam_labels_sql(0, counts)) == []
    assert drawn(sentiment_labels_sql(0, counts)) == []


def test_only_draws_near_the_wanted_number_are_sorted() -> None:
    counts = {"spam": 1_000, "ham": 1_000_000, "heard": 0, "calm": 0}
    ((reach, wanted),) = drawn(spam_labels_sql(0, counts))
    assert wanted == 1_000 * HAM_PER_SPAM
    assert reach / DRAWS == pytest.approx(wanted / 1_000_000, rel=0.08)
    assert reach / DRAWS > wanted / 1_000_000


def test_there_is_a_most_of_each_kind() -> None:
    counts = dict.fromkeys(("spam", "ham", "heard", "calm"), 10 * MAX_OF_A_KIND)
    for sql in (spam_labels_sql(0, counts), sentiment_labels_sql(0, counts)):
        assert [wanted for _, wanted in drawn(sql)] == [MAX_OF_A_KIND] * 2


def test_a_reach_ends_at_the_last_draw() -> None:
    counts = {"spam": 0, "ham": 201, "heard": 0, "calm": 0}
    assert drawn(spam_labels_sql(0, counts)) == [(DRAWS, 200)]
