"""Words of a query against texts whose right order is known."""

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.features.query_match import query_match


def test_rare_words_count_more_and_absent_ones_nothing() -> None:
    texts = ["the deploy failed", "the lunch is here", "deploy the rollback now", "nothing"]
    scores = query_match("the rollback", texts)
    assert scores.argmax() == 2
    assert scores[3] == 0.0
    assert 0 < scores[0] < scores[2]


def test_more_and_denser_mentions_count_more() -> None:
    scores = query_match("redis", ["redis redis", "redis and " + "many other words " * 30, "none"])
    assert scores[0] > scores[1] > scores[2] == 0.0


def test_case_and_width_do_not_matter_but_word_ends_do() -> None:
    scores = query_match("ＲＥＤＩＳ", ["Redis!", "redistribution"])
    assert scores[0] > 0 == scores[1]


def test_without_words_or_texts_nothing_matches() -> None:
    assert query_match(None, ["a"]).tolist() == query_match("?!", ["a"]).tolist() == [0.0]
    assert query_match("a", []).tolist() == []


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=10))
def test_any_text_scores_in_0_to_1(query: str, texts: list[str]) -> None:
    scores = query_match(query, texts)
    assert ((scores >= 0) & (scores <= 1)).all()
