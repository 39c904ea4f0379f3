"""Spam checks over a small chat, with a model that knows a few words."""

import math
from typing import Any

import orjson
import pytest

from quikapp_ml.entities.decisions import SpamAnswer
from quikapp_ml.entities.questions import SpamQuestion
from quikapp_ml.entities.spam_policy import SpamCase, SpamPolicy, outcome
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.models.base import Model
from quikapp_ml.models.behaviour import AUTHOR_FEATURES
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.spam import SpamService, check_by_rules
from quikapp_ml.serving.spam_pace import SLOW_IN_A_ROW
from quikapp_ml.serving.spam_rules import RULES, RULES_BIAS
from support.chats import Chat, Ledger, OneModel, moderation_of
from support.spam_models import BIAS, spam_model

MODEL = spam_model({"offer": 3.0, "amazing": 1.5, "staging": -2.0}, insults={"idiot": 9.0})


def service(
    chat: Chat, model: Model | None = MODEL, moderation: Moderation | None = None
) -> tuple[SpamService, Ledger]:
    ledger = Ledger()
    models: Any = OneModel(model, "2.4.0")
    written: Any = ledger
    around = moderation or moderation_of(chat)
    return SpamService(models, written, chat.workspace, chat.features, chat.now, around), ledger


def ask(chat: Chat, content: str, user_id: str = "ann", model: Model | None = MODEL, **more: Any) -> SpamAnswer:
    return service(chat, model)[0].check(SpamQuestion(content=content, user_id=user_id, **more))


def office() -> Chat:
    chat = Chat()
    chat.people("ann", "bob")
    chat.channel("home", "ann", "bob")
    chat.wait(days=100)
    for number in range(3):
        chat.post("ann", "home", f"a{number}")
        chat.react("bob", "home", f"a{number}")
    return chat


def signals(answer: SpamAnswer) -> set[str]:
    return {item.signal for item in answer.evidence}


def adds_up(answer: SpamAnswer) -> bool:
    return abs(answer.bias + sum(item.weight for item in answer.evidence) - answer.logit) < 1e-9


def test_an_offer_by_a_stranger_is_judged_by_its_words() -> None:
    answer = ask(office(), "Check out this amazing offer!", "user-789")
    assert answer.is_spam
    assert answer.action == "throttle"
    assert (answer.model.name, answer.model.version, answer.degraded) == ("spam-classifier", "2.4.0", False)
    assert signals(answer) == {"phrase"}
    assert adds_up(answer)
    assert answer.bias == BIAS


def test_who_is_known_and_answered_is_trusted_more() -> None:
    chat = office()
    known, stranger = ask(chat, "an offer"), ask(chat, "an offer", "user-789")
    assert known.spam_probability < stranger.spam_probability
    assert {"account_age_days", "replies_and_reactions_earned"} <= signals(known)
    assert adds_up(known)


def test_a_newcomer_who_floods_and_is_reported_is_suspect() -> None:
    chat = office()
    chat.people("mal")
    before = ask(chat, "hello", "mal")
    assert "is_first_message" in signals(before)
    started = chat.time
    for number in range(120):
        chat.time = started
        chat.post("mal", "home", f"m{number}")
    chat.tell("report", "bob", channel_id="home", message_id="m0", reason="spam")
    after = ask(chat, "hello", "mal")
    assert {"message_rate_1h", "reports_received"} <= signals(after)
    assert after.spam_probability > before.spam_probability
    assert adds_up(after)


def test_a_bot_is_not_spam_for_writing_often() -> None:
    chat = office()
    chat.tell("user_updated", "ci", name="CI", is_bot=True)
    started = chat.time
    for number in range(200):
        chat.time = started
        chat.post("ci", "home", f"b{number}", is_bot=True)
    answer = ask(chat, "[bot] build 7 passed", "ci")
    assert not answer.is_spam
    assert "message_rate_1h" not in signals(answer)
    assert answer.action == "allow"


def test_an_empty_text_is_answered_with_the_bias() -> None:
    answer = ask(office(), "", "user-789")
    assert (answer.logit, answer.evidence, answer.action) == (BIAS, (), "allow")


def test_an_insult_is_flagged_without_being_spam() -> None:
    answer = ask(office(), "you idiot", "user-789")
    assert not answer.is_spam
    assert answer.abuse["offensive"] > SpamPolicy().abuse_flagged_from
    assert answer.action == "flag"


@pytest.mark.parametrize(
    ("probability", "offensive", "action"),
    [
        (0.0, 0.0, "allow"), (0.499, 0.89, "allow"), (0.499, 0.9, "flag"), (0.5, 0.0, "flag"), (0.79, 1.0, "flag"),
        (0.8, 0.0, "throttle"), (0.95, 0.0, "hold"), (0.994, 1.0, "hold"), (0.995, 0.0, "block"), (1.0, 0.0, "block"),
    ],
)  # fmt: skip
def test_actions_by_probability(probability: float, offensive: float, action: str) -> None:
    assert outcome(SpamPolicy(), SpamCase(probability, offensive, "ann")) == (action, None)


def test_the_decision_is_written_down_with_what_it_was_made_from() -> None:
    checker, ledger = service(office())
    metadata = {"ip_address": "192.168.1.1", "user_agent": "Mozilla/5.0"}
    answer = checker.check(SpamQuestion(content="an offer", user_id="ann", metadata=metadata, dry_run=True))
    (decision,) = ledger.decisions
    assert (decision.kind, decision.decision_id, decision.user_id) == ("spam-check", answer.decision_id, "ann")
    assert decision.request["dry_run"] is True
    assert decision.answer == answer
    assert decision.features["replies_and_reactions_earned"] == 3.0
    assert decision.model_number == 7
    assert decision.latency_ms > 0
    orjson.dumps(decision.answer)


@pytest.mark.parametrize("dry_run", [True, False])
def test_asking_changes_nothing_for_the_author(dry_run: bool) -> None:
    chat = office()
    before = author_behaviour(chat.workspace, chat.features, "ann", chat.now())
    for _ in range(50):
        ask(chat, "an amazing offer", dry_run=dry_run)
    assert author_behaviour(chat.workspace, chat.features, "ann", chat.now()) == before
    assert "user-789" not in chat.workspace.people


def test_behaviour_has_the_names_that_the_model_weighs() -> None:
    chat = office()
    assert tuple(author_behaviour(chat.workspace, chat.features, "ann", chat.now())) == AUTHOR_FEATURES
    assert author_behaviour(chat.workspace, chat.features, "nobody", chat.now()) == {}


# --- without a model


@pytest.mark.parametrize("model", [None, SentimentClassifier.prior()])
def test_without_the_model_rules_answer_and_say_so(model: Model | None) -> None:
    text = "WINNER! You won a prize, click here http://a.example now!!!"
    answer = ask(office(), text, model=model)
    assert (answer.degraded, answer.model.version, answer.is_spam) == (True, "rules", True)
    assert {"prize", "call_to_action", "link", "exclamation"} <= signals(answer)
    assert all(text[span.start : span.end].strip() for item in answer.evidence for span in item.spans)
    assert adds_up(answer)
    assert set(answer.abuse) == {"offensive", "hate"}


def test_a_model_that_is_too_slow_is_left_alone_and_rules_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quikapp_ml.serving.spam_pace.SLOW_SECONDS", 0.0)
    checker, ledger = service(office())
    question = SpamQuestion(content="an offer", user_id="ann")
    answers = [checker.check(question) for _ in range(SLOW_IN_A_ROW + 1)]
    assert [answer.degraded for answer in answers] == [False] * SLOW_IN_A_ROW + [True]
    assert (answers[-1].model.version, ledger.decisions[-1].degraded) == ("rules", True)


@pytest.mark.parametrize(
    "text",
    ["kill the process", "deploy failed again :(", "review https://github.com/a/b/pull/1 please", "", "lunch is free"],
)
def test_rules_let_work_chat_pass(text: str) -> None:
    verdict = check_by_rules(text)
    assert verdict.probability < 0.5
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-verdict.logit)))


def test_no_rule_is_enough_by_itself() -> None:
    assert all(RULES_BIAS + rule.weight < 0 for rule in RULES)
    assert len({rule.signal for rule in RULES}) == len(RULES)
