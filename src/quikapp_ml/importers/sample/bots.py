"""The bots of the sample: builds, alerts, standups."""

from quikapp_ml.importers.sample.chat import HOUR_MS, MINUTE_MS, Channel, Chat
from quikapp_ml.importers.sample.conversation import Conversation
from quikapp_ml.importers.sample.people import ENGINEERING, Person, Team
from quikapp_ml.importers.sample.texts import Writer

_NAMES = ("ci-bot", "oncall-bot", "standup-bot")


class Bots:
    """Three accounts that post templates at their hours."""

    def __init__(self, chat: Chat, conversation: Conversation, writer: Writer, digits: int) -> None:
        self._chat = chat
        self._conversation = conversation
        self._writer = writer
        self._rng = chat.rng
        nowhere = Team("automation", "automation", "", 0.0, ())
        self.ci, self.oncall, self.standup = (
            Person(f"U{'8' * max(0, digits - 2)}{number:02d}", name, nowhere, "Bot", 0, 0.0, 0.15, 0.0, 0.0, True, ())
            for number, name in enumerate(_NAMES, 1)
        )
        self.alerts: Channel | None = None

    def introduce(self) -> None:
        """The chat learns of the bots."""
        for bot in (self.ci, self.oncall, self.standup):
            bot.is_bot = bot.is_here = True
            self._chat.emit("user_updated", bot.user_id, name=bot.name, is_bot=True)

    def enter(self, team: Team) -> None:
        """Add the bots that a team uses to its channel."""
        if team.channel is None:
            return
        if team.department in ENGINEERING:
            self._chat.join(self.ci, team.channel)
        if self._rng.random() < 0.6:
            self._chat.join(self.standup, team.channel)

    def plan_day(self, team: Team, day_ms: int) -> None:
        """A working day of the bots in one team's channel; `day_ms` is midnight in UTC."""
        channel = team.channel
        if channel is None:
            return
        midnight_ms = day_ms - int(team.offset_hours * HOUR_MS)
        if channel in self.standup.channels:
            self._chat.at(midnight_ms + 9 * HOUR_MS + 30 * MINUTE_MS, self._ask, channel)
        if channel in self.ci.channels:
            for _ in range(1 + int(self._rng.random() * 4)):
                self._chat.at(midnight_ms + int((9 + self._rng.random() * 9) * HOUR_MS), self._build, channel)

    def plan_alerts(self, day_ms: int) -> None:
        """A few alerts at any hour."""
        for _ in range(int(self._rng.random() * 4)):
            self._chat.at(day_ms + int(self._rng.random() * 24 * HOUR_MS), self._alert)

    def _build(self, channel: Channel) -> None:
        who = channel.members[int(self._rng.random() * len(channel.members))]
        text = self._writer.say(self._rng, "ci-bot", "neutral", f"<@{who.user_id}>")
        self._conversation.follow(self._chat.post(self.ci, channel, text, "negative" if ":x:" in text else "neutral"))

    def _alert(self) -> None:
        if self.alerts is not None and self.alerts.members:
            who = self.alerts.members[int(self._rng.random() * len(self.alerts.members))]
            text = self._writer.say(self._rng, "oncall-bot", "neutral", f"<@{who.user_id}>")
            self._conversation.follow(self._chat.post(self.oncall, self.alerts, text, "negative"))

    def _ask(self, channel: Channel) -> None:
        text = self._writer.say(self._rng, "standup-bot", "neutral")
        question = self._chat.post(self.standup, channel, text, "neutral")
        for person in channel.members:
            if not person.is_bot and self._rng.random() < 0.3:
                self._chat.after(25 * MINUTE_MS, self._conversation.answer_as, person, question, "standup")
