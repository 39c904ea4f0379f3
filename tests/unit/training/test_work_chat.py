"""What the starters learn from besides the public corpora."""

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.models.text import LINK, tokenise
from quikapp_ml.training.corpora import Labelled
from quikapp_ml.training.starter_sentiment import with_moods
from quikapp_ml.training.work_chat import with_links, work_chat


def test_the_lines_written_for_it_are_enough_and_differ() -> None:
    rows = work_chat()
    counts = {label: sum(row.label == label for row in rows) for label in ("ham", "spam")}
    assert counts["ham"] >= 60
    assert counts["spam"] >= 30
    assert len({row.text for row in rows}) == len(rows) == sum(counts.values())
    assert {row.label for row in work_chat("sentiment")} == set(SENTIMENT_LABELS)


def test_links_are_added_each_to_another_place() -> None:
    linked = with_links([Labelled("ham", "first"), Labelled("ham", "second")])
    assert [LINK in tokenise(row.text).texts for row in linked] == [True, True]
    assert len({row.text.replace("first", "").replace("second", "").strip("<> ") for row in linked}) == 2


def test_clear_moods_are_taught_and_doubtful_ones_are_not() -> None:
    taught = dict.fromkeys(row.text for row in with_moods([Labelled("neutral", "line")]))
    assert ":tada:" in taught
    assert "line 😡" in taught
    assert "🤔" not in taught
