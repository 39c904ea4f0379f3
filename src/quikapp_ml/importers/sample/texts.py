"""Whole messages from the templates: what somebody writes on a topic, in a mood, in their own manner."""

import random
from collections.abc import Iterator
from typing import Literal

from quikapp_ml.importers.sample.grammar import Grammar, Number, Template, compile_template
from quikapp_ml.importers.sample.phrases import read_lines, read_words

Mood = Literal["negative", "neutral", "positive"]
MOODS: tuple[Mood, ...] = ("negative", "neutral", "positive")

_WITH_GENERAL_TALK = (
    "platform", "mobile", "data", "design", "sales", "support", "people", "finance", "marketing", "leads", "hiring",
)  # fmt: skip
_DECORATIONS = {"negative": "negative_emoji", "neutral": "neutral_emoji", "positive": "positive_emoji"}
_FIRST_NAMES_TO_SAY = ("Alex", "Sam", "Noor", "Kim", "Robin", "the team", "the other office", "our neighbours")
_LOOKALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "i": "і"})
"""Cyrillic letters that look Latin, as spammers use them."""


_NUMBERS = {
    "digit": Number(2, 9),
    "n": Number(2, 60),
    "percent": Number(2, 95),
    "big": Number(120, 9800),
    "pr": Number(300, 4900),
    "hour": Number(8, 18),
    "minute": Number(10, 55),
    "number": Number(100, 4999),
}
_TALK_FILES = ("talk_work.txt", "talk_social.txt", "talk_interests.txt")
_LOOKS_LIKE_SPAM = "looks-like-spam"


def _compiled(name: str) -> dict[str, tuple[Template, ...]]:
    return {section: tuple(map(compile_template, lines)) for section, lines in read_lines(name).items()}


class Writer:
    """Writes messages; all chance comes from the `rng` that is passed in."""

    def __init__(self) -> None:
        words = read_words("words.txt")
        self._grammar = Grammar(words, _NUMBERS)
        self._talk = {key: templates for name in _TALK_FILES for key, templates in _compiled(name).items()}
        for topic in _WITH_GENERAL_TALK:
            for mood in MOODS:
                self._talk[f"{topic}/{mood}"] = self._talk[f"{topic}/{mood}"] * 2 + self._talk[f"any/{mood}"]
        spam = _compiled("talk_spam.txt")
        self._looks_like_spam = spam.pop(_LOOKS_LIKE_SPAM)
        self._spam = tuple(spam.values())
        self._emoji = {mood: words[name] for mood, name in _DECORATIONS.items()}
        for templates in (*self._talk.values(), *self._spam, self._looks_like_spam):
            for template in templates:
                self._grammar.check(template)

    @property
    def topics(self) -> tuple[str, ...]:
        """Everything that can be talked about, `topic/mood`."""
        return tuple(self._talk)

    def opening(self, rng: random.Random, topic: str, mood: Mood, who: str) -> str:
        """The first message of a conversation; `who` is a mention, or empty to call nobody."""
        text = self._line(rng, topic, mood, who)
        if rng.random() < 0.22:
            text = f"{text}{'. ' if text[-1].isalnum() else ' '}{self._line(rng, 'followup', mood, who)}"
        return text

    def reply(self, rng: random.Random, asked: Mood, mood: Mood, who: str, *, is_social: bool) -> str:
        """An answer to a message of the mood `asked`, at work or besides it."""
        return self._line(rng, f"{'social-reply' if is_social else 'reply'}/to_{asked}", mood, who)

    def say(self, rng: random.Random, topic: str, mood: Mood, who: str = "") -> str:
        """A message exactly as its template has it, as bots post."""
        return self._line(rng, topic, mood, who)

    def in_manner(self, rng: random.Random, text: str, mood: Mood, emoji_ratio: float, is_casual: bool) -> str:
        """The text as this person types: with or without emoji, capitals and exclamation marks."""
        if not is_casual and text[0].islower() and not text.startswith("http"):
            text = text[0].upper() + text[1:]
        if mood == "positive" and not is_casual and text[-1].isalnum():
            text += "!"
        if rng.random() < emoji_ratio:
            emoji = self._emoji[mood if rng.random() < 0.85 else "neutral"]
            text = f"{text} {emoji[int(rng.random() * len(emoji))]}"
        return text

    def campaign(self, rng: random.Random) -> str:
        """The text that a spam campaign repeats."""
        templates = self._spam[int(rng.random() * len(self._spam))]
        return self._grammar.fill(templates[int(rng.random() * len(templates))], rng)

    def vary(self, rng: random.Random, text: str) -> str:
        """A near-duplicate of a campaign's text, made to slip past a filter."""
        trick = int(rng.random() * 6)
        if trick == 0:
            return f"{('hi', 'hello', 'hey team', 'dear all', '@channel')[int(rng.random() * 5)]} {text}"
        if trick == 1:
            return text + "!" * (1 + int(rng.random() * 4))
        if trick == 2:
            words = text.split(" ")
            place = int(rng.random() * len(words))
            if "/" not in words[place]:
                words[place] = words[place].translate(_LOOKALIKES)
            return " ".join(words)
        if trick == 3:
            return f"{text} {('🔥', '💰', '👇', '✅', '🎁')[int(rng.random() * 5)]}"
        if trick == 4:
            return f"{text} #{int(rng.random() * 9000) + 1000}"
        return text

    def looks_like_spam(self, rng: random.Random) -> str:
        """An honest message that a careless reader could report."""
        templates = self._looks_like_spam
        return self._grammar.fill(templates[int(rng.random() * len(templates))], rng)

    def _line(self, rng: random.Random, topic: str, mood: Mood, who: str) -> str:
        templates = self._talk.get(f"{topic}/{mood}") or self._talk[f"{topic}/neutral"]
        template = templates[int(rng.random() * len(templates))]
        if not who and template.names_somebody:
            who = _FIRST_NAMES_TO_SAY[int(rng.random() * len(_FIRST_NAMES_TO_SAY))]
        return self._grammar.fill(template, rng, who)


def labelled_texts(count: int, seed: int) -> Iterator[tuple[str, Mood]]:
    """Messages of the sample with the mood they were written in, two of four neutral, to train and test with."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    writer = Writer()
    topics = sorted(
        {topic for topic, _, mood in (key.rpartition("/") for key in writer.topics) if mood != "neutral"}
        - {"any", "followup"}
    )
    for _ in range(count):
        mood = (*MOODS, "neutral")[int(rng.random() * 4)]
        topic = topics[int(rng.random() * len(topics))]
        while f"{topic}/{mood}" not in writer.topics:
            topic = topics[int(rng.random() * len(topics))]
        text = writer.opening(rng, topic, mood, "<@U0001>" if rng.random() < 0.3 else "")
        yield writer.in_manner(rng, text, mood, 0.25, rng.random() < 0.5), mood


def spam_texts(count: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Messages of the sample with whether they are spam, half of them: campaigns against talk and look-alikes."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    writer = Writer()
    talk = labelled_texts(count, seed + 1)
    for _ in range(count):
        if rng.random() < 0.5:
            yield writer.vary(rng, writer.campaign(rng)), True
        elif rng.random() < 0.1:
            yield writer.looks_like_spam(rng), False
        else:
            yield next(talk)[0], False
