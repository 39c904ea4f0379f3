"""The sentiment classifier: what counts in a message, and the starter that ships."""

from importlib.resources import as_file, files
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import SENTIMENT_LABELS
from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.hashing import Hashing
from quikapp_ml.models.sentiment import SentimentClassifier, sentiment_bag

HASHING = Hashing(bits=14)


def _starter() -> SentimentClassifier:
    with as_file(files("quikapp_ml.starter_models") / SentimentClassifier.name) as folder:
        return SentimentClassifier.load(folder)


STARTER = _starter()


def label(text: str) -> str:
    scores = STARTER.scores(text)
    return SENTIMENT_LABELS[scores.index(max(scores))]


def buckets(text: str) -> list[int]:
    return [int(bucket) for bucket in sentiment_bag(text, HASHING).buckets]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("nice `awful()` work", "nice work"),
        ("nice ```def awful(): bad()``` work", "nice work"),
        ("nice work https://terrible.example/hate", "nice work"),
        ("<@U1> nice work", "nice work"),
        ("nice work #4711", "nice work"),
    ],
)
def test_code_links_and_names_do_not_count(text: str, same: str) -> None:
    assert buckets(text) == buckets(same)


def test_a_negation_turns_the_words_after_it_until_the_sentence_ends() -> None:
    good = buckets("good")[0]
    assert good not in buckets("this is not good")
    assert good not in buckets("it isn't very good")
    assert good in buckets("no! good")
    assert good in buckets("not bad but good")
    assert good in buckets("not one two three four good")


def test_spellings_of_a_mood_share_a_feature() -> None:
    celebration = set(buckets(":tada:")) & set(buckets("🎉")) & set(buckets("🥳"))
    assert len(celebration) == 1
    assert set(buckets("👍")) & set(buckets("👍🏽")) & set(buckets(":+1:"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is great!", "positive"),
        ("I'm frustrated with this issue", "negative"),
        ("I'm frustrated with this issue".upper(), "negative"),
        ("The meeting is at 10 in room 4", "neutral"),
        ("Thank you so much, this is perfect", "positive"),
        ("this is not good", "negative"),
        (":tada:", "positive"),
        ("👍🏽", "positive"),
        (":rage:", "negative"),
        ("😡", "negative"),
        ("worst release ever", "negative"),
        ("love it ❤️", "positive"),
        ("I updated the ticket", "neutral"),
    ],
)
def test_the_starter_reads_clear_messages_rightly(text: str, expected: str) -> None:
    assert label(text) == expected


@given(st.text(max_size=300))
def test_scores_always_add_up_to_one(text: str) -> None:
    scores = STARTER.scores(text)
    assert sum(scores) == pytest.approx(1.0, abs=1e-12)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_before_learning_every_label_is_as_likely() -> None:
    assert SentimentClassifier.prior(HASHING).scores("great") == pytest.approx([1 / 3] * 3)


def test_predict_gives_a_label_and_scores_a_row() -> None:
    answers = STARTER.predict({"content": ["This is great!", "I'm frustrated with this issue"]})
    assert answers["sentiment"] == ["positive", "negative"]
    assert [answers[name][0] for name in SENTIMENT_LABELS] == STARTER.scores("This is great!")


def test_predict_refuses_what_is_no_text() -> None:
    with pytest.raises(InvalidInput, match="row 0"):
        STARTER.predict({"content": [4]})


@pytest.mark.parametrize(
    "spoil", [{"labels": ["positive", "neutral", "negative"]}, {"hashing": {"bits": 3}}, {"hashing": {"letter": 3}}]
)
def test_spoilt_facts_are_damaged(spoil: dict[str, object]) -> None:
    model = SentimentClassifier.prior(HASHING)
    with pytest.raises(Damaged):
        SentimentClassifier.from_parts(model.arrays(), {**model.facts(), **spoil})


def test_the_longest_text_is_answered_in_time_by_words() -> None:
    by_words = SentimentClassifier.prior(HASHING)
    text = ("we have deployed the new version, please look at it when you can. " * 700)[:40_000]

    def seconds() -> float:
        started = perf_counter()
        by_words.scores(text)
        return perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.08  # 15 ms on an idle machine
