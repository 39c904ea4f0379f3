"""What spam checks go by while no model can answer: a short list of signs, each with a weight of its own."""

import re
from dataclasses import dataclass

from quikapp_ml.entities.decisions import Evidence, Span

RULES_BIAS = -4.0
"""A text that shows no sign is spam with a probability below 2 %."""


@dataclass(frozen=True)
class Rule:
    """A sign: it counts once, wherever and however often the pattern is found."""

    signal: str
    weight: float
    detail: str
    pattern: re.Pattern[str]


def _rule(signal: str, weight: float, detail: str, pattern: str, flags: int = re.IGNORECASE) -> Rule:
    return Rule(signal, weight, detail, re.compile(pattern, flags))


RULES: tuple[Rule, ...] = (
    _rule("prize", 2.5, "promises a prize", r"\b(?:winner|you(?:'ve| have)? won|prize|jackpot|lottery|giveaway)\b"),
    _rule("offer", 2.0, "advertises", r"\b(?:amazing|limited|exclusive|special) (?:time )?(?:offer|deal|price)s?\b"),
    _rule("free", 1.0, "gives something away", r"\bfree\b(?! (?:to|tier|slot|time|spot))"),
    _rule("money", 1.5, "promises money", r"\b(?:earn|make|get|receive|win) (?:up to )?[$£€]?\d[\d,.]*\s?[$£€]?"),
    _rule("call_to_action", 1.5, "urges to act", r"\b(?:click here|buy now|order now|act now|sign up now|subscribe)\b"),
    _rule("short_link", 1.5, "hides where a link leads", r"\b(?:bit\.ly|tinyurl\.com|goo\.gl|t\.me|is\.gd)/\S"),
    _rule("link", 0.5, "has a link", r"https?://\S"),
    _rule("shouting", 1.0, "shouts", r"(?:\b[A-Z]{3,}\b[\s,!]{1,10}){4}", 0),
    _rule("exclamation", 0.7, "ends in many exclamation marks", r"!{3}"),
)  # fmt: skip


def rule_evidence(content: str) -> tuple[Evidence, ...]:
    """The signs that the text shows, each with the first place where it does."""
    found = ((rule, rule.pattern.search(content)) for rule in RULES)
    return tuple(
        Evidence(rule.signal, rule.weight, f"the text {rule.detail}", (Span(*match.span()),))
        for rule, match in found
        if match is not None
    )
