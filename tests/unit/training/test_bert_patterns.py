"""Sentences made from patterns, and the suites that they must not contain."""

from collections import Counter
from pathlib import Path

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.training.bert_patterns import pattern_sentences
from quikapp_ml.training.corpora import read_labelled
from quikapp_ml.training.work_chat import work_chat

SUITES = Path(__file__).parents[3] / "benchmarks" / "suites" / "sentiment.tsv"


def test_they_are_the_same_every_time_and_of_every_label() -> None:
    sentences = pattern_sentences()
    assert sentences == pattern_sentences()
    assert min(Counter(row.label for row in sentences).values()) > 500
    assert not any("{" in row.text for row in sentences if row.text != ":{")


def test_no_case_of_the_suites_is_learnt() -> None:
    learnt = {row.text.casefold() for row in [*pattern_sentences(), *work_chat("sentiment")]}
    cases = read_labelled(SUITES)
    assert [row.text for row in cases if row.text.casefold() in learnt] == []


def test_the_suites_have_enough_cases_of_every_kind() -> None:
    kinds = Counter(row.label for row in read_labelled(SUITES, "suite"))
    assert set(kinds) == {"emoji", "shortcode", "negation", "jargon"}
    assert min(kinds.values()) >= 75
    assert {row.label for row in read_labelled(SUITES)} == set(SENTIMENT_LABELS)
