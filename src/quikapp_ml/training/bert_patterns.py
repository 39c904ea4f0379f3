"""Sentences made from patterns: negation, the jargon of developers, and signs of mood in work chat.

The tweets that the model learns from hold no emoji and no jargon, so these teach what :rocket: and "kill the process"
mean at work. The suites in benchmarks/suites use other patterns and other words.
"""

import random
from collections.abc import Iterator, Sequence

from quikapp_ml.models.moods import BAD_MOODS, GOOD_MOODS, MOOD_OF
from quikapp_ml.training.corpora import Labelled

SEED = 11
PER_PATTERN = 40

_WORDS = {
    "good": "good|great|helpful|useful|nice|fun|reliable|smooth|fast|clear|pleasant|impressive|easy|amazing|happy",
    "bad": "bad|terrible|awful|broken|slow|annoying|confusing|painful|ugly|useless|horrible|frustrating|sad|angry",
    "thing": "release|new editor|review|demo|docs page|search|migration|onboarding|meeting|dashboard|installer|plan"
    "|new build server|support team|API|design|keyboard|office|update|training",
    "like": "like|love|enjoy|trust|recommend",
    "dislike": "hate|regret|dread|mind",
    "process": "process|job|worker|container|session|query|thread|daemon|pod|instance|connection",
    "test": "test|build|check|pipeline|upload|request|import|health check|handshake|query|step",
    "code": "error 404|error 500|exit code 1|exit code 137|a timeout|status 403|an assertion|error 12|a 502",
    "table": "table|index|column|branch|partition|snapshot|cache|topic|namespace",
    "when": "today|at noon|before the deploy|after lunch|on Monday|on staging|in production|tomorrow|at 14:00"
    "|this week",
    "who": "Maria|Tom|Wei|the platform team|Ana|Jonas|Priya|ops|Lena|somebody",
}
_CHOICES = {name: words.split("|") for name, words in _WORDS.items()}

_PATTERNS = {
    "negative": (
        "the {thing} is not {good}",
        "The {thing} isn't {good} at all",
        "I don't {like} the {thing}",
        "this is not a {good} {thing}",
        "the {thing} was never {good}",
        "{who} did not {like} the {thing}",
        "nothing about the {thing} is {good}",
        "not {good}, to be honest",
        "I wouldn't call the {thing} {good}",
        "no one said the {thing} was {good}",
        "The {thing} doesn't feel {good} anymore",
        "I can't {like} this {thing}",
        "the {thing} is {bad}",
        "What a {bad} {thing}",
        "the {thing} used to be {good}, now it is {bad}",
        "I hoped the {thing} would be {good}, but it is {bad}",
        "there is nothing {good} about the {thing}",
        "I {dislike} the {thing}",
        "the {thing} is far from {good}",
        "the {thing} could not be more {bad}",
    ),
    "positive": (
        "the {thing} is not {bad} at all",
        "The {thing} isn't {bad}, I {like} it",
        "I don't {dislike} the {thing} at all",
        "no complaints about the {thing}",
        "{who} never found the {thing} {bad}",
        "the {thing} was anything but {bad}",
        "nothing {bad} about the {thing}",
        "The {thing} no longer feels {bad}",
        "the {thing} doesn't look {bad} to me",
        "the {thing} could not be more {good}",
        "I couldn't be happier with the {thing}",
        "not {bad}!",
        "the {thing} is {good}",
        "What a {good} {thing}",
        "the {thing} used to be {bad}, now it is {good}",
        "I feared the {thing} would be {bad}, but it is {good}",
        "never had a more {good} {thing}",
        "I {like} the {thing}",
        "no problem at all, the {thing} went fine",
        "can't complain about the {thing}",
    ),
    "neutral": (
        "kill the {process} {when}",
        "I will kill the {process} and start it again",
        "{who} killed the {process} {when}",
        "the {process} died {when}",
        "terminate the {process}, then drop the {table}",
        "abort the {process} {when}",
        "the {test} failed with {code}",
        "The {test} fails with {code} {when}, logs are in the ticket",
        "drop the {table} {when}",
        "delete the dead {process}",
        "force push the {table} {when}",
        "the {process} is a zombie",
        "the {table} is corrupt on one replica, {who} restores it {when}",
        "there is a race condition in the {process}",
        "the {process} leaks memory, see the ticket",
        "blocked by the {test} {when}",
        "kill -9 the {process}",
        "a fatal signal stopped the {process} {when}",
        "the parent {process} orphans its child {process}",
        "execute the {test} {when}",
        "the {process} panics on {code}",
        "we attack the {table} problem {when}",
        "purge the {table} {when}",
        "the garbage collector blocks the {process}",
        "bad request: the {test} gave {code}",
        "dead letter queue of the {process}",
        "the bug in the {test} is assigned to {who}",
        "{who} is on call {when}",
        "the {thing} is {when}",
        "{who} works on the {thing} {when}",
        "is the {thing} {when}?",
        "who looks at the {test} {when}?",
        "the {process} hung, {who} restarted it {when}",
        "mute the alert of the {test}",
        "revert the {table} to the last version {when}",
        "brute force search over the {table}",
        "strip the {process} binary",
        "the crash dump of the {process} is on the share",
        "the {thing} has an invalid argument",
        "nuke the {table} {when}",
    ),
}


def pattern_sentences(seed: int = SEED) -> list[Labelled]:
    """Sentences of every pattern, each filled at random, and signs of mood after some of the neutral ones."""
    rng = random.Random(seed)  # noqa: S311 it draws words
    sentences = [
        Labelled(label, _filled(pattern, rng))
        for label, patterns in _PATTERNS.items()
        for pattern in patterns
        for _ in range(PER_PATTERN)
    ]
    unique = list(dict.fromkeys(sentences))
    neutral = [row.text for row in unique if row.label == "neutral"]
    return [*unique, *_signed(neutral, rng), *(Labelled("neutral", text) for text in ("", "@user", ".", "?", "ok"))]


def _filled(pattern: str, rng: random.Random) -> str:
    return pattern.format_map({name: rng.choice(words) for name, words in _CHOICES.items()})


def _signed(neutral: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    """Each sign alone, twice, and after and before plain sentences."""
    for sign, mood in MOOD_OF.items():
        label = "positive" if mood in GOOD_MOODS else "negative" if mood in BAD_MOODS else "neutral"
        yield Labelled(label, sign)
        yield Labelled(label, f"{sign} {sign}")
        for _ in range(6):
            yield Labelled(label, f"{rng.choice(neutral)} {sign}")
        yield Labelled(label, f"{sign} {rng.choice(neutral)}")
