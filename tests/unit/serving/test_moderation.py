"""Moderation over a small chat: what people say of verdicts, and what the next check makes of it."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import SpamAnswer
from quikapp_ml.entities.questions import Feedback, SpamQuestion
from quikapp_ml.entities.spam_policy import SpamPolicyChange
from quikapp_ml.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.models.behaviour import GIVEN_FEATURES
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.spam import SpamContext, SpamService, judged
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.moderation import PolicyScope, ReviewFilter, ReviewStatus
from support.chats import Chat, Ledger, OneModel, moderation_of
from support.spam_models import spam_model

MODEL = spam_model({"offer": 3.0, "amazing": 3.0})
TEXT = "An amazing offer for all colleagues: thirty percent off everything until the end of the month"
VARIANT = "An AMAZING offer for all colleagues!! 30 thirty percent off everything until the end of this month"
PLAIN = "The quarterly report is ready for review, please leave comments before the end of the week"


class Office:
    """Mal writes, Bob has been there for long and is answered, Eve is new, Ada moderates."""

    def __init__(self) -> None:
        self.chat = Chat()
        self.chat.people("ada", "bob", "cid", "dan", "mal")
        self.chat.channel("home", "ada", "bob", "cid", "dan", "mal")
        self.chat.tell("role_changed", "ada", role="moderator")
        self.chat.wait(days=100)
        for number, user_id in enumerate(("bob", "cid", "dan") * 6):
            self.chat.post(user_id, "home", f"m{number}")
            self.chat.react("ada", "home", f"m{number}")
        self.chat.people("eve")
        self.records = MemoryControlState().moderation
        self.open()

    def open(self) -> None:
        """A new process over the same records."""
        self.moderation: Moderation = moderation_of(self.chat, self.records)
        self.moderation.start()
        self.ledger = Ledger()
        models: Any = OneModel(MODEL)
        ledger: Any = self.ledger
        chat = self.chat
        self.spam = SpamService(models, ledger, chat.workspace, chat.features, chat.now, self.moderation)

    def check(self, text: str, user_id: str = "mal", **more: Any) -> SpamAnswer:
        metadata = {"channel_id": "home", "workspace_id": "W1"}
        return self.spam.check(SpamQuestion(content=text, user_id=user_id, metadata=metadata, **more))

    def say(self, answer: SpamAnswer, action: Any, user_id: str | None, comment: str | None = None) -> None:
        feedback = Feedback(decision_id=answer.decision_id, action=action, user_id=user_id, comment=comment)
        self.moderation.check_feedback(feedback)
        self.moderation.take(feedback, self.moderation.voice_of(user_id), f"f-{user_id}")

    def resolve(self, answer: SpamAnswer, resolution: Any, user_id: str | None = "ada", *, whole: bool = False) -> int:
        voice = self.moderation.moderator(user_id, "local")
        items = self.moderation.to_resolve(answer.decision_id, voice, whole_campaign=whole)
        self.moderation.resolve(items, resolution, voice, "", "f-1")
        return len(items)

    def waiting(self) -> list[str]:
        return [item.decision_id for item in self.moderation.queue.find(ReviewFilter(), 100).items]


def adds_up(answer: SpamAnswer) -> bool:
    return abs(answer.bias + sum(item.weight for item in answer.evidence) - answer.logit) < 1e-9


def _corrected() -> Office:
    office = Office()
    office.resolve(office.check(TEXT), "release")
    return office


CORRECTED = _corrected()
SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def test_what_is_held_waits_and_a_dry_run_does_not() -> None:
    office = Office()
    held = office.check(TEXT)
    assert held.action in ("hold", "throttle", "flag")
    office.check(PLAIN)
    office.check(TEXT, dry_run=True)
    assert office.waiting() == [held.decision_id]


def test_a_release_changes_the_verdict_on_nearly_the_same_text_at_once_and_for_good() -> None:
    office = Office()
    held = office.check(TEXT)
    assert office.resolve(held, "release") == 1
    for _ in range(2):
        again = office.check(VARIANT, "bob")
        assert (again.is_spam, again.action, again.campaign_id) == (False, "allow", held.campaign_id)
        assert "moderator_correction" in {item.signal for item in again.evidence}
        assert adds_up(again)
        office.open()
    assert not office.waiting()


def test_a_removal_makes_spam_of_nearly_the_same_text() -> None:
    office = Office()
    allowed = office.check(PLAIN)
    assert allowed.action == "allow"
    office.say(allowed, "reported", None)
    assert office.waiting() == [allowed.decision_id]
    office.resolve(allowed, "remove", None)
    again = office.check(f"{PLAIN} :tada:", "bob")
    assert (again.is_spam, again.action) == (True, "hold")
    assert adds_up(again)


def test_people_nudge_and_cannot_flip() -> None:
    office = Office()
    before = office.check(PLAIN)
    for user_id in ("bob", "cid", "dan", "eve", "nobody", "bob", "bob"):
        office.say(before, "spam", user_id)
    after = office.check(PLAIN)
    assert before.logit < after.logit <= before.logit + 1.5 + 1e-9
    assert not after.is_spam
    assert adds_up(after)
    (line,) = office.moderation.queue.find(ReviewFilter(), 10).items
    assert line.reported == 5


def test_newcomers_strangers_and_authors_count_nothing() -> None:
    office = Office()
    before = office.check(TEXT)
    for user_id in ("eve", "nobody", "mal"):
        office.say(before, "ham", user_id)
    assert office.check(TEXT).logit == before.logit
    assert office.records.corrections.since(office.moderation._now().replace(year=2000), 10) == []


def test_who_was_wrong_counts_less() -> None:
    office = Office()
    first, second = office.check(PLAIN), office.check(f"please ignore {TEXT}")
    office.say(first, "spam", "bob")
    trusted = office.check(PLAIN).logit - first.logit
    office.say(first, "ham", "ada")
    office.say(second, "spam", "bob")
    voted = office.check(f"please ignore {TEXT}").logit - second.logit
    assert 0 < voted < trusted / 2


def test_a_moderators_feedback_resolves_what_waits() -> None:
    office = Office()
    held = office.check(TEXT)
    office.say(held, "ham", "ada", "a real sale")
    item = office.moderation.queue.get(held.decision_id)
    assert (item.status, item.resolved_by, item.comment) == (ReviewStatus.RELEASED, "ada", "a real sale")
    with pytest.raises(Conflict, match="released by 'ada'"):
        office.resolve(held, "remove")


def test_a_whole_campaign_is_resolved_with_one_word() -> None:
    office = Office()
    answers = [office.check(text, user_id) for text, user_id in ((TEXT, "mal"), (VARIANT, "bob"), (TEXT, "ada"))]
    assert len({answer.campaign_id for answer in answers}) == 1
    assert office.resolve(answers[0], "remove", whole=True) == 2
    assert office.waiting() == [answers[2].decision_id]


@pytest.mark.parametrize("user_id", ["bob", "nobody"])
def test_only_moderators_resolve_and_not_their_own(user_id: str) -> None:
    office = Office()
    held, own = office.check(TEXT), office.check(TEXT, "ada")
    with pytest.raises(PermissionDenied, match="moderator"):
        office.resolve(held, "release", user_id)
    with pytest.raises(PermissionDenied, match="somebody else"):
        office.resolve(own, "release", "ada")
    with pytest.raises(NotFound, match="not in the review queue"):
        office.moderation.to_resolve("d-unknown", office.moderation.moderator("ada", ""), whole_campaign=False)


def test_a_moderator_may_remove_what_was_allowed() -> None:
    office = Office()
    assert office.resolve(office.check(PLAIN), "remove") == 1
    assert office.check(PLAIN).is_spam


def test_an_appeal_needs_a_text_and_its_author_and_waits_for_a_second_look() -> None:
    office = Office()
    held = office.check(TEXT)
    with pytest.raises(InvalidInput, match="comment"):
        office.say(held, "appeal", "mal", "  ")
    with pytest.raises(PermissionDenied, match="author"):
        office.say(held, "appeal", "bob", "why?")
    office.resolve(held, "remove")
    office.say(held, "appeal", "mal", "it is a real sale")
    (line,) = office.moderation.queue.find(ReviewFilter(), 10).items
    assert (line.appeal, line.resolved_by) == ("it is a real sale", "ada")
    assert office.check(TEXT).is_spam


def test_a_report_in_the_chat_counts_like_feedback() -> None:
    office = Office()
    metadata = {"channel_id": "home", "workspace_id": "W1", "message_id": "m-spam"}
    question = SpamQuestion(content=PLAIN, user_id="mal", metadata=metadata)
    before = office.spam.check(question)
    for user_id, reason in (("bob", "spam"), ("cid", "other"), ("eve", "spam")):
        for message_id in ("m-spam", "m-other"):
            office.chat.tell("report", user_id, channel_id="home", message_id=message_id, reason=reason)
            office.moderation.witness(office.chat.log[-1])
    office.moderation.close()
    (line,) = office.moderation.queue.find(ReviewFilter(), 10).items
    assert (line.decision_id, line.action, line.reported) == (before.decision_id, "allow", 2)
    after = office.check(PLAIN)
    assert "people_correction" in {item.signal for item in after.evidence}
    assert not after.is_spam


def test_short_messages_never_buy_trust() -> None:
    office = Office()
    before = office.check(TEXT, "eve")
    for number in range(30):
        short = office.check("thanks!", "eve")
        office.chat.tell("message", "eve", channel_id="home", message_id=f"s{number}", content="thanks!")
        for user_id in ("bob", "ada"):
            office.say(short, "ham", user_id)
    after = office.check(TEXT, "eve")
    assert office.moderation.voice_of("eve").trust == 0.0  # type: ignore[union-attr]
    gained = {item.signal for item in after.evidence if item.weight < 0} - {item.signal for item in before.evidence}
    assert not gained
    assert after.logit >= before.logit


def test_the_policy_of_the_channel_holds_and_is_named() -> None:
    office = Office()
    scope = PolicyScope("W1", "home")
    asked = SpamPolicyChange(thresholds={"hold": 0.5}, exempt_roles=["moderator"])  # type: ignore[arg-type]
    office.moderation.policies.change(scope, asked, "ada", office.moderation._now())
    held, exempt = office.check(TEXT), office.check(TEXT, "ada")
    assert (held.action, held.policy_version, held.policy_rule) == ("hold", "spam-1", None)
    assert (exempt.action, exempt.policy_rule, exempt.is_spam) == ("allow", "exempt_roles", True)
    assert [decision.policy_version for decision in office.ledger.decisions] == ["spam-1", "spam-1"]
    assert office.spam.check(SpamQuestion(content=TEXT, user_id="mal")).policy_version == "spam-0"


@settings(max_examples=60, deadline=None)
@given(st.text(SIGNS, max_size=120), st.sampled_from(["ann", "mal", "bob"]))
def test_whatever_is_asked_all_adds_up_and_lies_in_the_text(text: str, user_id: str) -> None:
    for content in (text, f"{TEXT} {text}"):
        answer = CORRECTED.check(content, user_id)
        assert adds_up(answer)
        spans = [span for item in answer.evidence for span in item.spans]
        assert all(0 <= span.start < span.end <= len(content) for span in spans)
        assert CORRECTED.check(content, user_id, dry_run=True).logit == answer.logit


def test_a_kept_decision_gives_the_same_answer_again() -> None:
    office = Office()
    fields: Any = {"thresholds": {"hold": 0.5}, "blocked_users": ["u"], "blocked_domains": ["win.example", "a.example"]}
    office.moderation.policies.change(PolicyScope(), SpamPolicyChange(**fields), "ada", office.moderation._now())
    office.resolve(office.check(TEXT), "remove")
    for text in (TEXT, VARIANT, PLAIN, "look https://b.win.example", ""):
        answer = office.check(text)
        decision = office.ledger.decisions[-1]
        kept = orjson.loads(orjson.dumps(decision.candidates))
        author = {name: decision.features[name] for name in GIVEN_FEATURES}
        context = SpamContext.from_document("mal", kept)
        verdict = MODEL.check(text, author)
        assert judged(answer.decision_id, verdict, answer.model, context, is_degraded=False) == answer
        assert "a.example" not in str(kept)


def test_a_text_that_was_posted_in_many_channels_is_suspect() -> None:
    office = Office()
    first = office.check(PLAIN)
    for number in range(8):
        office.moderation.campaigns.post("mal", PLAIN, f"c{number}", office.chat.now())
    after = office.check(PLAIN)
    assert "channels_with_same_text" in {item.signal for item in after.evidence}
    assert after.logit > first.logit
    assert adds_up(after)
    assert office.ledger.decisions[-1].features["channels_with_same_text"] == 8.0
