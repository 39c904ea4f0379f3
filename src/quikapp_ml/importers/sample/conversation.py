"""How people of the sample talk: they begin, answer, react, read, correct and take back."""

from typing import Final

from quikapp_ml.importers.sample.chat import HOUR_MS, MINUTE_MS, Channel, Chat, Sent
from quikapp_ml.importers.sample.people import Person
from quikapp_ml.importers.sample.texts import Mood, Writer

_ANSWERS: Final = {
    "team": 1.25, "project": 1.3, "secret": 1.3, "leads": 1.0, "hiring": 1.0, "interest": 1.1, "random": 0.9,
    "general": 0.6, "help": 1.2, "incident": 0.5, "announcements": 0.4, "alerts": 0.1,
}  # fmt: skip
_REACTIONS: Final = {"announcements": 5.0, "general": 1.5, "random": 1.1, "interest": 0.9, "alerts": 0.1}
_MOST_ANSWERS = 24
_EMOJI: Final[dict[Mood, tuple[str, ...]]] = {
    "positive": ("tada", "heart", "+1", "rocket", "fire", "clap", "raised_hands", "star-struck", "100", "joy"),
    "neutral": ("+1", "eyes", "white_check_mark", "ok_hand", "thinking_face", "pray", "wave", "memo"),
    "negative": ("cry", "disappointed", "hugging_face", "pray", "rage", "weary", "face_with_rolling_eyes", "-1"),
}
_SOCIAL: Final = ("interest", "random")
_THEMES: Final = {"layoffs": 0.34, "launch": 0.3}


class Conversation:
    """Turns the habits and ties of people into messages and what follows from them."""

    def __init__(self, chat: Chat, writer: Writer) -> None:
        self._chat = chat
        self._writer = writer
        self._rng = chat.rng

    def begin(self, person: Person) -> None:
        """Somebody looks into the chat and starts a conversation."""
        channel = person.draw_channel(self._rng)
        if channel is None or not person.is_here:
            return
        if self._rng.random() < 0.8:
            self.read(person, channel)
        topic = self._topic(person, channel)
        mood = self._mood(person, channel)
        who = self._call(person, channel) if self._rng.random() < 0.35 else ""
        text = self._writer.opening(self._rng, topic, mood, who)
        text = self._writer.in_manner(self._rng, text, mood, person.emoji_ratio, person.is_casual)
        self.follow(self._chat.post(person, channel, text, mood))

    def read(self, person: Person, channel: Channel | None = None) -> None:
        """Somebody reads a channel to its newest message."""
        channel = channel or person.draw_channel(self._rng)
        if channel is None or channel not in person.channels or not channel.recent or not person.is_here:
            return
        message_id = channel.recent[-1].message_id
        self._chat.emit("read", person.user_id, channel_id=channel.channel_id, message_id=message_id)

    def follow(self, sent: Sent) -> None:
        """Let others answer and react to a first message, and its author change it."""
        channel = sent.channel
        mean = _ANSWERS[channel.kind] * sent.author.charm * (1.2 if sent.mood == "negative" else 1.0)
        n_answers = self._draw_count(mean)
        in_thread = self._rng.random() < 0.8
        when = self._chat.now_ms
        for turn in range(n_answers):
            when += int(self._rng.expovariate(1.0) * 5 * MINUTE_MS) + 4_000
            self._chat.at(when, self._answer, sent, turn, in_thread)
        self._earn_reactions(sent)
        self._second_thoughts(sent)

    def say(self, person: Person, channel: Channel) -> None:
        """Somebody writes on the channel's own topic."""
        mood = self._mood(person, channel)
        topic = self._chat.theme or channel.topic
        text = self._writer.opening(self._rng, topic, mood, "")
        text = self._writer.in_manner(self._rng, text, mood, person.emoji_ratio, is_casual=False)
        self.follow(self._chat.post(person, channel, text, mood))

    def answer_as(self, person: Person, root: Sent, topic: str) -> None:
        """Somebody answers in a thread on the thread's own topic, as in a standup."""
        if root.is_deleted or not self._chat.may_write(person, root.channel):
            return
        mood = self._mood(person, root.channel)
        text = self._writer.say(self._rng, topic, mood, self._call(person, root.channel))
        text = self._writer.in_manner(self._rng, text, mood, person.emoji_ratio, person.is_casual)
        self._earn_reactions(self._chat.post(person, root.channel, text, mood, root))

    def _answer(self, root: Sent, turn: int, in_thread: bool) -> None:
        if root.is_deleted:
            return
        person = self._partner(root, turn)
        if person is None:
            return
        mood = self._answer_mood(person, root)
        who = self._call(person, root.channel, root.author)
        text = self._writer.reply(self._rng, root.mood, mood, who, is_social=root.channel.kind in _SOCIAL)
        text = self._writer.in_manner(self._rng, text, mood, person.emoji_ratio, person.is_casual)
        if self._rng.random() < 0.15:
            self.read(person, root.channel)
        sent = self._chat.post(person, root.channel, text, mood, root if in_thread else None)
        if self._rng.random() < 0.5:
            self._earn_reactions(sent)

    def _partner(self, root: Sent, turn: int) -> Person | None:
        """Who answers: their collaborators first, now and then themselves, else anybody of the channel."""
        rng, author, channel = self._rng, root.author, root.channel
        for _ in range(5):
            chance = rng.random()
            if turn and chance < 0.25:
                person = author
            elif chance < 0.75 and author.collaborators:
                person = author.collaborators[int(rng.random() ** 1.7 * len(author.collaborators))]
            elif channel.members:
                person = channel.members[int(rng.random() * len(channel.members))]
            else:
                return None
            if self._would_write(person, root, is_own=turn > 0):
                return person
        return None

    def _would_write(self, person: Person, root: Sent, *, is_own: bool) -> bool:
        return (
            (is_own or person is not root.author)
            and not person.is_bot
            and self._chat.may_write(person, root.channel)
            and person.is_awake(self._chat.now_ms)
            and root.author not in person.blocked
        )

    def _earn_reactions(self, sent: Sent) -> None:
        mean = (
            0.38 * _REACTIONS.get(sent.channel.kind, 1.0) * sent.author.charm * (1.5 if sent.mood == "positive" else 1)
        )
        for _ in range(self._draw_count(mean)):
            self._chat.after(12 * MINUTE_MS, self._react, sent)

    def _react(self, sent: Sent) -> None:
        if sent.is_deleted:
            return
        person = self._partner(sent, 0)
        if person is None:
            return
        emoji = _EMOJI[sent.mood if self._rng.random() < 0.85 else "neutral"]
        name = emoji[int(self._rng.random() ** 1.8 * len(emoji))]
        place = {"channel_id": sent.channel.channel_id, "message_id": sent.message_id, "reaction": name}
        self._chat.emit("reaction", person.user_id, **place)
        if self._rng.random() < 0.02:
            self._chat.after(MINUTE_MS, self._take_back, person, sent, place)

    def _take_back(self, person: Person, sent: Sent, place: dict[str, str]) -> None:
        if self._chat.may_write(person, sent.channel) and not sent.is_deleted:
            self._chat.emit("reaction", person.user_id, **place, removed=True)

    def _second_thoughts(self, sent: Sent) -> None:
        chance = self._rng.random()
        if chance < 0.035:
            self._chat.after(3 * MINUTE_MS, self._edit, sent)
        elif chance > 0.992:
            self._chat.after(HOUR_MS, self._withdraw, sent)

    def _edit(self, sent: Sent) -> None:
        if sent.is_deleted or not self._chat.may_write(sent.author, sent.channel):
            return
        addition = ("(edited for clarity)", "edit: typo", "edit: solved, thanks", "PS: link follows")
        sent.content = f"{sent.content} {addition[int(self._rng.random() * len(addition))]}"
        place = {"channel_id": sent.channel.channel_id, "message_id": sent.message_id}
        self._chat.emit("edit", sent.author.user_id, **place, content=sent.content)

    def _withdraw(self, sent: Sent) -> None:
        if self._chat.may_write(sent.author, sent.channel):
            self._chat.delete(sent.author, sent)

    def _topic(self, person: Person, channel: Channel) -> str:
        theme = self._chat.theme
        if theme and channel.kind in ("general", "random", "team") and self._rng.random() < _THEMES[theme]:
            return theme
        if channel.kind in ("project", "secret"):
            return person.team.department
        if channel.kind == "team" and self._rng.random() < 0.1:
            return "chatter"
        if channel.kind == "general":
            return "company" if person.role in ("owner", "admin") else "chatter"
        return channel.topic

    def _mood(self, person: Person, channel: Channel) -> Mood:
        shift = 0.1 * person.temper + 0.3 * channel.mood + 0.3 * self._chat.mood
        chance = self._rng.random()
        if chance < 0.14 - shift:
            return "negative"
        return "positive" if chance > 0.78 - shift else "neutral"

    def _answer_mood(self, person: Person, root: Sent) -> Mood:
        chance = self._rng.random()
        if root.mood == "neutral":
            return self._mood(person, root.channel)
        if chance < 0.45 + 0.1 * person.temper * (1 if root.mood == "positive" else -1):
            return root.mood
        if chance < 0.85:
            return "neutral"
        return "positive" if root.mood == "negative" else "negative"

    def _call(self, person: Person, channel: Channel, other: Person | None = None) -> str:
        """A mention of a collaborator who can read it, or of `other`; empty when nobody is there."""
        for _ in range(3):
            if other is None or other is person:
                if not person.collaborators:
                    return ""
                other = person.collaborators[int(self._rng.random() ** 1.7 * len(person.collaborators))]
            if channel in other.channels and other.is_here:
                return f"<@{other.user_id}>"
            other = None
        return ""

    def _draw_count(self, mean: float) -> int:
        """A geometric number of this mean: most messages earn little, some a lot."""
        count, stay = 0, mean / (1.0 + mean)
        while count < _MOST_ANSWERS and self._rng.random() < stay:
            count += 1
        return count
