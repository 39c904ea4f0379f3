"""Checks a text by a person for spam and abuse: behaviour, model, action. Asking leaves no trace in behaviour.

Behaviour is counted from events alone. So a check changes nothing for its author, `dry_run` or not; what `dry_run` adds
is a mark on the decision, by which it is told apart from checks of messages that were really sent.
"""

import math
import time
from collections.abc import Callable, Mapping

from quikapp_ml.entities.decisions import Decision, ModelRef, SpamAction, SpamAnswer
from quikapp_ml.entities.questions import SpamQuestion
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.reading import with_utf16
from quikapp_ml.models.spam import ABUSE_LABELS, SpamClassifier, SpamVerdict, logistic
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.loading import ModelHost
from quikapp_ml.serving.scoring import answered_by, loaded_model, or_rules
from quikapp_ml.serving.spam_rules import RULES_BIAS, rule_evidence

SPAM_FROM = 0.5
ACTIONS: tuple[tuple[float, SpamAction], ...] = (
    (0.995, "block"),
    (0.95, "hold"),
    (0.8, "throttle"),
    (SPAM_FROM, "flag"),
)
"""The action from which spam probability on, the hardest first; below all of them a text is allowed."""
ABUSE_FLAGGED_FROM = 0.9
"""A text that is no spam is flagged from this score of an abuse label on; abuse alone leads to nothing harder."""


class SpamService:
    """Answers from the state in memory; it runs on the event loop and does no I/O but the ledger's append."""

    def __init__(
        self,
        models: ModelHost,
        ledger: DecisionLedger,
        workspace: Workspace,
        features: OnlineFeatures,
        clock: Callable[[], float],
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._workspace = workspace
        self._features = features
        self._clock = clock

    def check(self, question: SpamQuestion) -> SpamAnswer:
        """Judge the text. An empty one gets the bias and what the author's behaviour says."""
        started = time.perf_counter()
        loaded, model = loaded_model(self._models, SpamClassifier)
        author = author_behaviour(self._workspace, self._features, question.user_id, self._clock())
        by_model = None if model is None else lambda: model.check(question.content, author)
        verdict, is_degraded = or_rules(by_model, lambda: check_by_rules(question.content))
        by = answered_by(SpamClassifier, loaded, is_degraded)
        answer = judged(self._ledger.new_decision_id(), verdict, by.ref, is_degraded=is_degraded)
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="spam-check",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=answer,
                latency_ms=(time.perf_counter() - started) * 1000,
                features={**author, **verdict.behaviour},
                model_number=by.number,
                model_alias=by.alias,
                degraded=is_degraded,
            )
        )
        return answer


def judged(decision_id: str, verdict: SpamVerdict, model: ModelRef, *, is_degraded: bool) -> SpamAnswer:
    """The answer that follows from a verdict."""
    return SpamAnswer(
        decision_id=decision_id,
        is_spam=verdict.probability >= SPAM_FROM,
        spam_probability=verdict.probability,
        action=action_for(verdict.probability, verdict.abuse),
        abuse=verdict.abuse,
        evidence=verdict.evidence,
        bias=verdict.bias,
        logit=verdict.logit,
        model=model,
        degraded=is_degraded,
    )


def action_for(probability: float, abuse: Mapping[str, float]) -> SpamAction:
    """What to do with a text of this spam probability and these abuse scores."""
    for least, action in ACTIONS:
        if probability >= least:
            return action
    return "flag" if any(score >= ABUSE_FLAGGED_FROM for score in abuse.values()) else "allow"


def check_by_rules(content: str) -> SpamVerdict:
    """The verdict of the rules; they know nothing of behaviour and abuse."""
    evidence = with_utf16(content, rule_evidence(content))
    logit = math.fsum([RULES_BIAS, *(sign.weight for sign in evidence)])
    return SpamVerdict(logistic(logit), logit, RULES_BIAS, evidence, dict.fromkeys(ABUSE_LABELS, 0.0), {})
