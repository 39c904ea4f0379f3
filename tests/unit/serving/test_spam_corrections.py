"""Corrections: at once, for what is nearly the same, and never more than is allowed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.fingerprint import fingerprint, stored
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.serving.spam_corrections import (
    CROWD_CAP,
    HALF_LIFE_SECONDS,
    HAM_LOGIT,
    MAX_VOTES,
    MODERATOR_CAP,
    REMEMBERED_SECONDS,
    SPAM_LOGIT,
    VOTE,
    OnlineCorrections,
    hosts_of,
)
from quikapp_ml.stores.state.moderation import Correction

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
TEXT = "Our summer sale begins on monday, all colleagues get thirty percent off at https://shop.example/sale"
VARIANT = "Our summer sale begins on monday! all colleagues get 30 thirty percent off at https://shop.example/sale?x=1"
OTHER_HOST = "Our summer sale begins on monday, all colleagues get thirty percent off at https://win.example/sale"
OTHER = "Could somebody review the pull request for the billing service before the release tomorrow?"


def said(corrections: OnlineCorrections, text: str, logit: float = 0.0, at: datetime = NOW) -> float:
    tokens = reading_tokens(text)
    print_, now = fingerprint(tokens), at.timestamp()
    group = corrections.group_of(print_, tokens, now)
    found = corrections.evidence(group, print_, hosts_of(tokens), logit, now) if group else None
    return found.weight if found else 0.0


def correction(
    corrections: OnlineCorrections,
    *,
    is_spam: bool,
    by: str = "ada",
    trust: float = 1.0,
    text: str = TEXT,
    moderator: bool = False,
) -> Correction:
    tokens = reading_tokens(text)
    print_ = fingerprint(tokens)
    group = corrections.group_of(print_, tokens, NOW.timestamp())
    return Correction(
        f"f-{by}", f"d-{by}", "c-1", group, is_spam, by, trust, moderator, "mal", NOW, stored(print_), hosts_of(tokens)
    )


def test_nothing_was_said() -> None:
    assert said(OnlineCorrections(), TEXT) == 0.0


@pytest.mark.parametrize("logit", [-4.0, 0.0, 3.0, 6.0])
def test_a_moderator_moves_what_is_nearly_the_same_to_a_clear_answer(logit: float) -> None:
    corrections = OnlineCorrections()
    corrections.add(correction(corrections, is_spam=False, moderator=True))
    for text in (TEXT, VARIANT):
        assert logit + said(corrections, text, logit) == pytest.approx(min(logit, HAM_LOGIT))
    corrections.add(
        replace(correction(corrections, is_spam=True, by="bob", moderator=True), at=NOW + timedelta(seconds=1))
    )
    for text in (TEXT, VARIANT):
        assert logit + said(corrections, text, logit) == pytest.approx(max(logit, SPAM_LOGIT))
    assert said(corrections, OTHER, logit) == 0.0


def test_no_link_of_another_host_passes_on_a_released_text() -> None:
    corrections = OnlineCorrections()
    corrections.add(correction(corrections, is_spam=False, moderator=True))
    assert said(corrections, OTHER_HOST, 4.0) == 0.0
    corrections.add(replace(correction(corrections, is_spam=True, moderator=True), at=NOW + timedelta(seconds=1)))
    assert said(corrections, OTHER_HOST, 0.0) == SPAM_LOGIT


def test_a_moderator_is_bounded_too_and_fades() -> None:
    corrections = OnlineCorrections()
    corrections.add(correction(corrections, is_spam=False, moderator=True))
    assert said(corrections, TEXT, 40.0) == -MODERATOR_CAP
    later = NOW + timedelta(seconds=HALF_LIFE_SECONDS)
    assert said(corrections, TEXT, 2.0, later) == pytest.approx((HAM_LOGIT - 2.0) / 2)
    assert said(corrections, TEXT, 2.0, NOW + timedelta(seconds=REMEMBERED_SECONDS + 1)) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60))
def test_people_move_a_verdict_by_no_more_than_the_cap(votes: list[tuple[bool, float]]) -> None:
    corrections = OnlineCorrections()
    for number, (is_spam, trust) in enumerate(votes):
        corrections.add(correction(corrections, is_spam=is_spam, trust=trust, by=f"u{number}"))
    wanted = sum((VOTE if is_spam else -VOTE) * trust for is_spam, trust in votes)
    assert said(corrections, TEXT) == pytest.approx(max(-CROWD_CAP, min(CROWD_CAP, wanted)), abs=1e-9)


def test_who_votes_often_votes_once_and_a_moderator_outweighs_everybody() -> None:
    corrections = OnlineCorrections()
    for number in range(50):
        corrections.add(replace(correction(corrections, is_spam=True, by="eve"), decision_id=f"d-{number}"))
    assert said(corrections, TEXT) == VOTE
    corrections.add(correction(corrections, is_spam=False, moderator=True))
    for number in range(2 * MAX_VOTES):
        corrections.add(correction(corrections, is_spam=True, by=f"u{number}"))
    assert said(corrections, TEXT) == HAM_LOGIT


@pytest.mark.parametrize("is_spam", [True, False])
def test_of_short_texts_only_the_very_same_link_is_known_again_as_spam(is_spam: bool) -> None:
    corrections = OnlineCorrections()
    corrections.add(correction(corrections, is_spam=is_spam, text="look https://win.example", moderator=True))
    assert said(corrections, "look https://win.example/other", 0.0) == (SPAM_LOGIT if is_spam else 0.0)
    assert said(corrections, "look https://shop.example", 0.0) == 0.0
    assert corrections.group_of(None, reading_tokens("thanks!"), 0.0) == ""


def test_the_record_of_a_person_is_what_moderators_thought_of_it() -> None:
    corrections = OnlineCorrections()
    corrections.add(correction(corrections, is_spam=True, by="eve"))
    corrections.add(correction(corrections, is_spam=True, by="eve", text=OTHER))
    assert corrections.record_of("eve") == (0, 0)
    corrections.add(correction(corrections, is_spam=False, moderator=True))
    corrections.add(correction(corrections, is_spam=True, moderator=True, text=OTHER))
    assert corrections.record_of("eve") == (1, 1)
    assert corrections.record_of("ada") == (0, 0)


def test_what_was_said_is_known_again_in_another_process() -> None:
    first = OnlineCorrections()
    kept = [correction(first, is_spam=True, moderator=True), correction(first, is_spam=True, by="eve", text=OTHER)]
    again = OnlineCorrections()
    again.load(kept)
    assert said(again, VARIANT) == SPAM_LOGIT
    assert said(again, OTHER) == VOTE
