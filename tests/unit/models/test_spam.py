"""The spam classifier: evidence that adds up and can be tried, and the starter that ships."""

import math
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged, InvalidInput
from quikapp_ml.models.behaviour import AUTHOR_FEATURES, LATER_PRIORS
from quikapp_ml.models.evidence import without
from quikapp_ml.models.spam import SpamClassifier, SpamVerdict, logistic
from support.spam_models import BIAS, spam_model

MODEL = spam_model({"offer": 3.0, "amazing": 1.5, "staging": -2.0}, insults={"idiot": 9.0})


def check_sum(verdict: SpamVerdict) -> None:
    total = verdict.bias + sum(item.weight for item in verdict.evidence)
    assert total == pytest.approx(verdict.logit, abs=1e-9)
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-verdict.logit)), abs=1e-12)


def test_evidence_names_words_places_and_directions() -> None:
    text = "An amazing offer on staging"
    verdict = MODEL.check(text)
    check_sum(verdict)
    found = {text[span.start : span.end]: item for item in verdict.evidence for span in item.spans}
    assert found["amazing offer"].weight > 2
    assert found["staging"].weight < -1
    assert verdict.bias == BIAS


def test_behaviour_adds_what_it_weighs_and_says_so() -> None:
    quiet, loud = MODEL.check("hello"), MODEL.check("hello", {"reports_received": 3.0, "is_first_message": 1.0})
    assert loud.logit - quiet.logit == pytest.approx(1.2 * math.log(4) + 0.4)
    details = [item.detail for item in loud.evidence]
    assert "people reported 3 of the author's messages" in details
    check_sum(loud)


def test_an_empty_text_is_the_bias_alone() -> None:
    verdict = MODEL.check("")
    assert verdict.evidence == ()
    assert verdict.logit == verdict.bias == BIAS


def test_abuse_is_scored_apart_from_spam() -> None:
    verdict = MODEL.check("what an idiot")
    assert verdict.abuse["offensive"] > 0.5 > verdict.probability
    assert verdict.abuse["hate"] < 0.1


def test_the_logit_alone_is_that_of_the_check() -> None:
    for text in ("an amazing offer", "", "x " * 5_000):
        assert MODEL.logit(text, {"is_bot": 1.0}) == pytest.approx(MODEL.check(text, {"is_bot": 1.0}).logit, abs=1e-9)


def test_predict_answers_rows_like_single_checks() -> None:
    columns: dict[str, list[Any]] = {"content": ["an offer", "hello"], "is_bot": [0.0, 1.0]}
    answers = MODEL.predict(columns)
    assert set(answers) == set(MODEL.outputs)
    assert answers["logit"] == [MODEL.check("an offer").logit, MODEL.check("hello", {"is_bot": 1.0}).logit]


@pytest.mark.parametrize("value", [math.nan, -1.0])
def test_predict_refuses_numbers_that_are_none(value: float) -> None:
    with pytest.raises(InvalidInput):
        MODEL.predict({"content": ["a"], "is_bot": [value]})


def test_predict_refuses_what_is_no_text() -> None:
    with pytest.raises(InvalidInput, match="row 1"):
        MODEL.predict({"content": ["a", None]})


@pytest.mark.parametrize(
    "spoil",
    [
        {"bias": math.nan},
        {"bias": None},
        {"abuse_biases": [1.0]},
        {"behaviour_weights": {"is_bot": 1.0}},
        {"hashing": {"bits": 3}},
        {"hashing": {"letter": 3}},
    ],
)
def test_spoilt_facts_are_damaged(spoil: dict[str, object]) -> None:
    with pytest.raises(Damaged):
        SpamClassifier.from_parts(MODEL.arrays(), {**MODEL.facts(), **spoil})


def test_a_model_of_an_earlier_release_weighs_later_signals_by_their_priors() -> None:
    earlier = {name: weight for name, weight in MODEL.behaviour_weights_.items() if name not in LATER_PRIORS}
    model = SpamClassifier.from_parts(MODEL.arrays(), {**MODEL.facts(), "behaviour_weights": earlier})
    assert model.behaviour_weights_ == {**earlier, **LATER_PRIORS}


def test_the_logistic_never_overflows() -> None:
    assert (logistic(-5_000.0), logistic(0.0), logistic(5_000.0)) == (0.0, 0.5, 1.0)


# --- the starter


def _starter() -> SpamClassifier:
    with as_file(files("quikapp_ml.starter_models") / SpamClassifier.name) as folder:
        return SpamClassifier.load(folder)


STARTER = _starter()

PIECES = [
    "free", "offer", "win", "deploy", "PR", "http://x.example/a", "<@U1>", "@bob", "!!!", "CLICK", "NOW", "£100", "é",
    ":tada:", "the", "is", "call", "08001234567", "channel", "subscribe", "👍", "```code```", "meeting", "\u200b",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(PIECES),
        max_size=40,
    ).map(" ".join),
)
AUTHORS = st.dictionaries(st.sampled_from(AUTHOR_FEATURES), st.floats(0, 1e6), max_size=4)


@settings(max_examples=200, deadline=None)
@given(TEXTS, AUTHORS)
def test_evidence_always_adds_up_and_lies_in_the_text(text: str, author: dict[str, float]) -> None:
    verdict = STARTER.check(text, author)
    check_sum(verdict)
    for item in verdict.evidence:
        assert math.isfinite(item.weight)
        assert all(0 <= span.start < span.end <= len(text) for span in item.spans)


@settings(max_examples=200, deadline=None)
@given(TEXTS, AUTHORS)
def test_without_what_speaks_for_spam_the_score_is_lower(text: str, author: dict[str, float]) -> None:
    verdict = STARTER.check(text, author)
    for item in verdict.evidence:
        if item.spans and item.weight > 0:
            assert STARTER.logit(without(text, item.spans), author) < verdict.logit


WORK_CHAT = (
    "kill the process",
    "deploy failed again :(",
    "https://github.com/acme/api/pull/77",
    "can you look at https://github.com/acme/api/pull/12 please?",
    "the free disk space on db-3 is below 5%",
    "who wins the bet on the release date? :smile:",
    "call me when you are at the office",
    "offer for the new chairs is in your inbox",
    "URGENT: payments are failing in prod, join the war room",
    "check out branch fix/login and try again",
    "the build number 5521 is green",
    "+1",
    "thanks!",
    "I will be late, the train is stuck",
    "please click approve in the pipeline",
    "ssh into the box and restart nginx",
    "standup moved to 10:15",
    "[bot] Build 912 of web passed in 341 s",
    "can somebody with admin rights reset my account?",
    "execute the script on staging first, then on prod",
)
SPAM = (
    "Check out this amazing offer!",
    "You have won a free iPhone! Claim your prize now at http://prizes.example/claim",
    "Subscribe to my channel for free gift cards",
    "Earn $3000 per week working from home, text me on WhatsApp",
    "FREE entry! Text WIN to 80888 to get your cash prize",
)


@pytest.mark.parametrize("text", WORK_CHAT)
def test_work_chat_is_no_spam(text: str) -> None:
    verdict = STARTER.check(text, {"is_first_message": 1.0})
    assert verdict.probability < 0.5, verdict.evidence
    assert max(verdict.abuse.values()) < 0.8


@pytest.mark.parametrize("text", SPAM)
def test_spam_is_spam_and_says_why(text: str) -> None:
    verdict = STARTER.check(text)
    assert verdict.probability > 0.8
    strongest = verdict.evidence[0]
    assert strongest.weight > 1
    assert strongest.spans


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("FR33 entry! w1n a c4sh pr1ze", "FREE entry! win a cash prize"),
        ("Frее саsh рrizе", "Free cash prize"),
        ("f\u200bree c.a.s.h p r i z e 👍 win", "free cash prize 👍 win"),
    ],
)
def test_a_disguise_does_not_hide_spam_and_its_places_are_those_of_the_text(text: str, meant: str) -> None:
    verdict = STARTER.check(text)
    assert verdict.logit == pytest.approx(STARTER.logit(meant), abs=1e-9)
    units = text.encode("utf-16-le")
    for span in [span for item in verdict.evidence for span in item.spans]:
        assert span.utf16_start is not None
        assert span.utf16_end is not None
        assert units[2 * span.utf16_start : 2 * span.utf16_end].decode("utf-16-le") == text[span.start : span.end]


def test_a_cloaked_link_is_named_and_the_text_scores_lower_without_it() -> None:
    text = "see <http://evil.example.ru/a|google.com>"
    (named,) = [item for item in STARTER.check(text).evidence if item.signal == "cloaked_link"]
    assert "another site" in named.detail
    assert STARTER.logit(without(text, named.spans)) < STARTER.logit(text)


def test_an_insult_is_offensive() -> None:
    assert STARTER.check("you are a fucking idiot").abuse["offensive"] > 0.8


def test_its_files_are_small_and_hold_numbers_only() -> None:
    folder = files("quikapp_ml.starter_models") / SpamClassifier.name
    assert len((folder / "arrays.npz").read_bytes()) < 3_000_000
    assert np.isfinite(STARTER.text_weights_).all()
