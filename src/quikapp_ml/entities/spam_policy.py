"""What a chat does with spam: thresholds of actions, who and what is exempt, what is always blocked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from quikapp_ml.entities.decisions import SpamAction
from quikapp_ml.entities.events import Id, Role, ShortText
from quikapp_ml.entities.questions import Question

MAX_LISTED = 1_000
MILD_TO_HARD: tuple[SpamAction, ...] = ("flag", "throttle", "hold", "block")
_HOST = re.compile(r"(?=.{1,253}$)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)+")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise PydanticCustomError("no_domain", "must be a domain such as example.com: no scheme, no path, no port")
    return text.lower()


Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Domain = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_host)]
_Ids = Annotated[list[Id], Field(max_length=MAX_LISTED)]
_Domains = Annotated[list[Domain], Field(max_length=MAX_LISTED)]


class Thresholds(Question):
    """From which spam probability on which action is taken; one that is null, or left out, is never taken."""

    flag: Probability | None = None
    throttle: Probability | None = None
    hold: Probability | None = None
    block: Probability | None = None

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        given = [(action, value) for action in MILD_TO_HARD if (value := getattr(self, action)) is not None]
        for (milder, low), (harder, high) in pairwise(given):
            if low > high:
                raise PydanticCustomError(
                    "not_ascending",
                    "must ascend from flag over throttle and hold to block: {milder} is {low}, {harder} is {high}",
                    {"milder": milder, "low": low, "harder": harder, "high": high},
                )
        return self


class SpamPolicyFields(Question):
    """What one scope says for itself; a field that is null, or left out, is as in the scope around it."""

    thresholds: Thresholds | None = None
    abuse_flagged_from: Probability | None = None
    exempt_roles: Annotated[list[Role], Field(max_length=10)] | None = None
    exempt_channels: _Ids | None = None
    allowed_users: _Ids | None = None
    blocked_users: _Ids | None = None
    allowed_domains: _Domains | None = None
    blocked_domains: _Domains | None = None

    def fields(self) -> dict[str, Any]:
        """Those that are given, as JSON has them."""
        return self.model_dump(include=set(SpamPolicyFields.model_fields), exclude_none=True)


class SpamPolicyChange(SpamPolicyFields):
    """A policy that is to hold from now on, and who wants it why; `based_on` is the version that they have seen."""

    changed_by: Id | None = None
    comment: ShortText = ""
    based_on: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True)
class SpamPolicy:
    """What holds in one place, all scopes taken together. `version` is that of the newest change among them."""

    version: int = 0
    thresholds: Mapping[str, float] = field(
        default_factory=lambda: {"flag": 0.5, "throttle": 0.8, "hold": 0.95, "block": 0.995}
    )
    abuse_flagged_from: float = 0.9
    exempt_roles: frozenset[str] = frozenset()
    exempt_channels: frozenset[str] = frozenset()
    allowed_users: frozenset[str] = frozenset()
    blocked_users: frozenset[str] = frozenset()
    allowed_domains: frozenset[str] = frozenset()
    blocked_domains: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """How decisions call it."""
        return f"spam-{self.version}"

    def changed(self, version: int, fields: Mapping[str, Any]) -> "SpamPolicy":
        """This policy with the fields of a scope inside it."""
        own = {name: frozenset(value) if isinstance(value, list) else value for name, value in fields.items()}
        return SpamPolicy(**{**vars(self), **own, "version": max(version, self.version)})

    def concerning(self, case: "SpamCase") -> dict[str, Any]:
        """The fields of this policy as far as they say anything about a case: what its decision is kept with."""
        domains = frozenset(domain for host in case.hosts for domain in _domains_around(host))
        listed: Mapping[str, frozenset[str | None]] = {
            "exempt_roles": frozenset({case.role}),
            "exempt_channels": frozenset({case.channel}),
            "allowed_users": frozenset({case.user_id}),
            "blocked_users": frozenset({case.user_id}),
            "allowed_domains": domains,
            "blocked_domains": domains,
        }
        found = {name: sorted(getattr(self, name) & values) for name, values in listed.items() if getattr(self, name)}
        return {
            "thresholds": dict(self.thresholds),
            "abuse_flagged_from": self.abuse_flagged_from,
            **{name: values for name, values in found.items() if values},
        }

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        thresholds = {action: self.thresholds.get(action) for action in MILD_TO_HARD}
        plain = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in vars(self).items()}
        return {**plain, "thresholds": thresholds, "version": self.name}


@dataclass(frozen=True, slots=True)
class SpamCase:
    """What a policy looks at: the verdict, who wrote, where, and the hosts of the text's links."""

    probability: float
    abuse: float
    """The greatest score of an abuse label."""
    user_id: str
    role: str | None = None
    channel: str = ""
    hosts: tuple[str, ...] = ()


def outcome(policy: SpamPolicy, case: SpamCase) -> tuple[SpamAction, str | None]:
    """What is done with a text, and the rule of the policy that said so where it was not the thresholds."""
    named = _by_name(policy, case)
    if named is not None:
        return named
    action = _by_score(policy, case)
    if (
        action not in ("allow", "flag")
        and case.hosts
        and all(_is_among(host, policy.allowed_domains) for host in case.hosts)
    ):
        return "flag", "allowed_domains"
    return action, None


def _by_name(policy: SpamPolicy, case: SpamCase) -> tuple[SpamAction, str] | None:
    if case.user_id in policy.blocked_users:
        return "block", "blocked_users"
    if case.user_id in policy.allowed_users:
        return "allow", "allowed_users"
    if case.role in policy.exempt_roles:
        return "allow", "exempt_roles"
    if case.channel in policy.exempt_channels:
        return "allow", "exempt_channels"
    if any(_is_among(host, policy.blocked_domains) for host in case.hosts):
        return "block", "blocked_domains"
    return None


def _by_score(policy: SpamPolicy, case: SpamCase) -> SpamAction:
    for action in reversed(MILD_TO_HARD):
        least = policy.thresholds.get(action)
        if least is not None and case.probability >= least:
            return action
    return "flag" if case.abuse >= policy.abuse_flagged_from else "allow"


def _is_among(host: str, domains: frozenset[str]) -> bool:
    """Whether a host is one of the domains, or lies in one."""
    return bool(domains) and any(domain in domains for domain in _domains_around(host))


def _domains_around(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[place:]) for place in range(len(labels))]
