"""Outages of the sample: an alert, a channel of its own, hours of work and anger, relief, a closed channel."""

from quikapp_ml.importers.sample.chat import DAY_MS, MINUTE_MS, SECOND_MS, Channel, Chat, Pace
from quikapp_ml.importers.sample.conversation import Conversation
from quikapp_ml.importers.sample.people import ENGINEERING, Person, Team
from quikapp_ml.importers.sample.texts import Mood, Writer

_PEOPLE_AN_INCIDENT = 1_200
"""People times days for one outage."""


class Incidents:
    """Breaks something now and then."""

    def __init__(self, chat: Chat, conversation: Conversation, writer: Writer, teams: list[Team], bot: Person) -> None:
        self._chat = chat
        self._conversation = conversation
        self._writer = writer
        self._rng = chat.rng
        self._teams = [team for team in teams if team.department in ENGINEERING and team.members] or teams
        self._bot = bot
        self._pace = Pace(self._rng)
        self._n_incidents = 0

    def plan_day(self, day_ms: int, n_people: int) -> bool:
        """Perhaps break something today; at any hour, alerts do not care."""
        n_today = self._pace.draw(n_people / _PEOPLE_AN_INCIDENT)
        for _ in range(n_today):
            self._chat.at(day_ms + int(self._rng.triangular(0, DAY_MS, DAY_MS / 2)), self._break)
        return n_today > 0

    def _break(self) -> None:
        team = self._teams[int(self._rng.random() * len(self._teams))]
        here = [person for person in team.members if person.is_here]
        if not here:
            return
        here = [person for person in here if person.is_awake(self._chat.now_ms)] or here[:2]
        self._n_incidents += 1
        commander = here[int(self._rng.random() * len(here))]
        name = f"inc-{self._n_incidents:03d}-{team.name}"
        channel = self._chat.open_channel(name, "incident", "incident", commander, "Outage: facts only, please")
        self._chat.join(self._bot, channel)
        alert = self._writer.say(self._rng, "oncall-bot", "neutral", f"<@{commander.user_id}>")
        self._chat.post(self._bot, channel, alert, "negative")
        for person in here:
            self._chat.after(6 * MINUTE_MS, self._chat.join, person, channel)
            for friend in person.collaborators[:2]:
                if self._rng.random() < 0.3:
                    self._chat.after(20 * MINUTE_MS, self._chat.join, friend, channel)
        if team.channel is not None:
            team.channel.mood = -1.0
        self._let_work(channel, commander)

    def _let_work(self, channel: Channel, commander: Person) -> None:
        n_messages = 12 + int(self._rng.random() * 30)
        when = self._chat.now_ms
        for turn in range(n_messages):
            when += int(self._rng.expovariate(1.0) * 3 * MINUTE_MS) + 10 * SECOND_MS
            self._chat.at(when, self._work, channel, turn / n_messages)
        self._chat.at(when + 40 * MINUTE_MS + int(self._rng.random() * 2 * DAY_MS), self._close, channel, commander)

    def _work(self, channel: Channel, progress: float) -> None:
        people = [person for person in channel.members if person.is_here and not person.is_bot]
        if not people:
            return
        person = people[int(self._rng.random() ** 1.6 * len(people))]
        chance = self._rng.random()
        mood: Mood = "neutral"
        if chance < 0.45 * (1.0 - progress):
            mood = "negative"
        elif progress > 0.85 and chance < 0.75:
            mood = "positive"
        other = people[int(self._rng.random() * len(people))]
        who = "" if other is person else f"<@{other.user_id}>"
        text = self._writer.opening(self._rng, "incident", mood, who)
        text = self._writer.in_manner(self._rng, text, mood, person.emoji_ratio / 2, person.is_casual)
        self._conversation.follow(self._chat.post(person, channel, text, mood))

    def _close(self, channel: Channel, commander: Person) -> None:
        here = [person for person in channel.members if person.is_here and not person.is_bot]
        if here:
            self._chat.archive(commander if commander in here else here[0], channel)
