"""Checks a text by a person for spam and abuse: behaviour, model, corrections, policy.

Asking leaves no trace in behaviour, which is counted from events alone. With `dry_run` it leaves none at all but the
decision: no campaign is founded by it, and nobody is asked to review it.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from quikapp_ml.entities.decisions import Decision, Evidence, ModelRef, SpamAnswer
from quikapp_ml.entities.questions import SpamQuestion
from quikapp_ml.entities.spam_policy import SpamCase, SpamPolicy, outcome
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.fingerprint import Fingerprint, fingerprint
from quikapp_ml.models.reading import reading_tokens, with_utf16
from quikapp_ml.models.spam import ABUSE_LABELS, SpamClassifier, SpamVerdict, logistic
from quikapp_ml.models.text import Tokens
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.context import asker_of
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.review import QUEUED_ACTIONS
from quikapp_ml.serving.scoring import answered_by
from quikapp_ml.serving.spam_corrections import hosts_of
from quikapp_ml.serving.spam_memory import SpamCheck
from quikapp_ml.serving.spam_pace import Pace
from quikapp_ml.serving.spam_rules import RULES_BIAS, rule_evidence
from quikapp_ml.serving.trying import Models, Tried, scored, tried_model
from quikapp_ml.stores.state.memory_moderation import memory_moderation
from quikapp_ml.stores.state.moderation import PolicyScope

SPAM_FROM = 0.5
EVERYWHERE = PolicyScope()
MAX_PLACE = 128
"""Characters of a channel's or workspace's id."""


@dataclass(frozen=True, slots=True)
class SpamContext:
    """What an answer hangs on besides the verdict of the model: who wrote, where, what was said, which policy holds."""

    user_id: str = ""
    place: PolicyScope = EVERYWHERE
    role: str | None = None
    hosts: tuple[str, ...] = ()
    campaign_id: str = ""
    """Empty for a short text."""
    correction: Evidence | None = None
    policy: SpamPolicy = field(default_factory=SpamPolicy)

    def case(self, verdict: SpamVerdict) -> SpamCase:
        """What the policy looks at."""
        abuse = max(verdict.abuse.values(), default=0.0)
        return SpamCase(verdict.probability, abuse, self.user_id, self.role, self.place.channel, self.hosts)

    def document(self) -> dict[str, Any]:
        """As the ledger keeps it: of the policy, what says anything about this text."""
        case = SpamCase(0.0, 0.0, self.user_id, self.role, self.place.channel, self.hosts)
        return {
            "place": [self.place.workspace, self.place.channel],
            "role": self.role,
            "hosts": list(self.hosts),
            "campaign_id": self.campaign_id,
            "correction": None if self.correction is None else asdict(self.correction),
            "policy_version": self.policy.version,
            "policy": self.policy.concerning(case),
        }

    @classmethod
    def from_document(cls, user_id: str, document: Mapping[str, Any]) -> "SpamContext":
        """What `document` wrote: enough to give the same answer again."""
        said = document["correction"]
        return cls(
            user_id=user_id,
            place=PolicyScope(*document["place"]),
            role=document["role"],
            hosts=tuple(document["hosts"]),
            campaign_id=document["campaign_id"],
            correction=None if said is None else Evidence(said["signal"], said["weight"], said["detail"]),
            policy=SpamPolicy().changed(document["policy_version"], document["policy"]),
        )


class SpamService:
    """Answers from the state in memory; it runs on the event loop and does no I/O but the ledger's append."""

    def __init__(
        self,
        models: Models,
        ledger: DecisionLedger,
        workspace: Workspace,
        features: OnlineFeatures,
        clock: Callable[[], float],
        moderation: Moderation | None = None,
    ) -> None:
        """Without moderation, the built-in policy holds, and nothing was ever said."""
        self._models = models
        self._ledger = ledger
        self._workspace = workspace
        self._features = features
        self._clock = clock
        self._moderation = moderation or Moderation(memory_moderation(), workspace, features, Campaigns(), clock)
        self._pace = Pace(time.monotonic)

    def check(self, question: SpamQuestion) -> SpamAnswer:
        """Judge the text. An empty one gets the bias and what the author's behaviour says."""
        started = time.perf_counter()
        now = self._clock()
        tokens = reading_tokens(question.content)
        print_ = fingerprint(tokens)
        context = self._context(question, tokens, print_, now)
        known = author_behaviour(self._workspace, self._features, question.user_id, now)
        author = {**known, **self._spread(context, known, now)}
        verdict, tried, is_degraded = self._verdict(question, tokens, author)
        by = answered_by(SpamClassifier, tried.loaded, is_degraded)
        context = replace(context, correction=self._correction(context, tokens, print_, verdict.logit, now))
        answer = judged(self._ledger.new_decision_id(), verdict, by.ref, context, is_degraded=is_degraded)
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="spam-check",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=answer,
                latency_ms=(time.perf_counter() - started) * 1000,
                features={**known, **verdict.behaviour},
                candidates=context.document(),
                model_number=by.number,
                model_alias=by.alias,
                policy_version=answer.policy_version,
                **tried.recorded,
                degraded=is_degraded,
            )
        )
        if not question.dry_run:
            self._remember(question, print_, context, answer, now)
        return answer

    def _context(self, question: SpamQuestion, tokens: Tokens, print_: Fingerprint | None, now: float) -> SpamContext:
        person = self._workspace.people.get(question.user_id)
        place = PolicyScope(_place(question.metadata, "workspace_id"), _place(question.metadata, "channel_id"))
        return SpamContext(
            user_id=question.user_id,
            place=place,
            role=None if person is None else person.role,
            hosts=hosts_of(tokens),
            campaign_id="" if print_ is None else self._campaign(question, print_, now),
            policy=self._moderation.policies.holding(place),
        )

    def _campaign(self, question: SpamQuestion, print_: Fingerprint, now: float) -> str:
        campaigns = self._moderation.campaigns
        if question.dry_run:
            return campaigns.find(print_, now)
        return campaigns.see(print_, now, question.user_id, question.content)

    def _spread(self, context: SpamContext, known: Mapping[str, float], now: float) -> dict[str, float]:
        """A bot says the same everywhere: that is its work."""
        if not context.campaign_id or known.get("is_bot"):
            return {}
        channels = self._moderation.campaigns.channels_of(context.campaign_id, now, besides=context.place.channel)
        return {"channels_with_same_text": float(channels)}

    def _verdict(
        self, question: SpamQuestion, tokens: Tokens, author: Mapping[str, float]
    ) -> tuple[SpamVerdict, Tried[SpamClassifier], bool]:
        """The model's verdict, or that of the rules when there is no model, it fails, or it has been too slow."""
        asker = asker_of(question.user_id, question.metadata)
        tried = tried_model(self._models, SpamClassifier, "spam-check", asker)
        is_asked = tried.model is not None and self._pace.allows
        if not is_asked:
            return check_by_rules(question.content), tried, True
        started = time.perf_counter()
        result = scored(
            tried, self._models, SpamClassifier, lambda model: model.check(question.content, author, tokens),
            lambda: check_by_rules(question.content),
        )  # fmt: skip
        self._pace.note(time.perf_counter() - started)
        return result

    def _correction(
        self, context: SpamContext, tokens: Tokens, print_: Fingerprint | None, logit: float, now: float
    ) -> Evidence | None:
        corrections = self._moderation.corrections
        if corrections.is_empty:
            return None
        group = corrections.group_of(print_, tokens, now)
        return corrections.evidence(group, print_, context.hosts, logit, now) if group else None

    def _remember(
        self,
        question: SpamQuestion,
        print_: Fingerprint | None,
        context: SpamContext,
        answer: SpamAnswer,
        now: float,
    ) -> None:
        check = SpamCheck(
            decision_id=answer.decision_id,
            at=now,
            workspace=context.place.workspace,
            content=question.content,
            case=SpamCase(
                answer.spam_probability, max(answer.abuse.values(), default=0.0), question.user_id, context.role,
                context.place.channel, context.hosts,
            ),
            action=answer.action,
            evidence=answer.evidence,
            policy_version=context.policy.version,
            campaign_id=context.campaign_id,
            print_=print_,
            message_id=_place(question.metadata, "message_id"),
        )  # fmt: skip
        self._moderation.memory.add(check)
        if answer.action in QUEUED_ACTIONS:
            self._moderation.queue.add(check)


def judged(
    decision_id: str,
    verdict: SpamVerdict,
    model: ModelRef,
    context: SpamContext | None = None,
    *,
    is_degraded: bool,
) -> SpamAnswer:
    """The answer that follows from a verdict in its context."""
    context = context or SpamContext()
    verdict = corrected(verdict, context.correction)
    action, reason = outcome(context.policy, context.case(verdict))
    return SpamAnswer(
        decision_id=decision_id,
        is_spam=verdict.probability >= SPAM_FROM,
        spam_probability=verdict.probability,
        action=action,
        abuse=verdict.abuse,
        evidence=verdict.evidence,
        bias=verdict.bias,
        logit=verdict.logit,
        model=model,
        policy_version=context.policy.name,
        policy_rule=reason,
        campaign_id=context.campaign_id or None,
        degraded=is_degraded,
    )


def corrected(verdict: SpamVerdict, correction: Evidence | None) -> SpamVerdict:
    """The verdict with one more piece of evidence; all of it still adds up to the logit."""
    if correction is None:
        return verdict
    evidence = (correction, *verdict.evidence)
    logit = math.fsum([verdict.bias, *(item.weight for item in evidence)])
    return replace(verdict, logit=logit, probability=logistic(logit), evidence=evidence)


def check_by_rules(content: str) -> SpamVerdict:
    """The verdict of the rules; they know nothing of behaviour and abuse."""
    evidence = with_utf16(content, rule_evidence(content))
    logit = math.fsum([RULES_BIAS, *(sign.weight for sign in evidence)])
    return SpamVerdict(logistic(logit), logit, RULES_BIAS, evidence, dict.fromkeys(ABUSE_LABELS, 0.0), {})


def _place(metadata: Mapping[str, Any], name: str) -> str:
    """An id in the open fields; what is no id is none."""
    given = metadata.get(name)
    return given if isinstance(given, str) and len(given) <= MAX_PLACE else ""
