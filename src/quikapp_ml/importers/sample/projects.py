"""Projects of the sample: a channel opens, people gather, it launches or is given up, the channel closes."""

from dataclasses import dataclass

from quikapp_ml.importers.sample.chat import DAY_MS, HOUR_MS, MINUTE_MS, Channel, Chat
from quikapp_ml.importers.sample.conversation import Conversation
from quikapp_ml.importers.sample.people import Person
from quikapp_ml.importers.sample.phrases import read_words
from quikapp_ml.importers.sample.texts import Mood, Writer

_PEOPLE_A_PROJECT = 22
_CODENAMES = read_words("words.txt")["codename"]


@dataclass(slots=True, eq=False)
class Project:
    """Something that a few people of several teams do for some weeks."""

    channel: Channel
    lead: Person
    ends_ms: int


class Projects:
    """Keeps about one project for every twenty-two people going."""

    def __init__(self, chat: Chat, conversation: Conversation, writer: Writer, people: list[Person]) -> None:
        self._chat = chat
        self._conversation = conversation
        self._writer = writer
        self._rng = chat.rng
        self._people = people
        self._running: list[Project] = []
        self._n_opened = 0

    @property
    def wanted(self) -> int:
        """How many run at a time."""
        return max(1, round(len(self._people) / _PEOPLE_A_PROJECT))

    def start(self) -> None:
        """Open a project around somebody who is here and knows people."""
        for _ in range(8):
            lead = self._people[int(self._rng.random() * len(self._people))]
            if lead.is_here and len(lead.collaborators) > 2 and lead.team.department not in ("people", "finance"):
                break
        else:
            return
        channel = self._chat.open_channel(f"proj-{self._codename()}", "project", lead.team.department, lead)
        for person in self._crew(lead):
            self._chat.join(person, channel)
        length_days = 9 + self._rng.random() * 24
        self._running.append(Project(channel, lead, self._chat.now_ms + int(length_days * DAY_MS)))

    def plan_day(self, morning_ms: int) -> None:
        """End what is over, start what is missing."""
        over = [project for project in self._running if project.ends_ms <= morning_ms]
        self._running = [project for project in self._running if project.ends_ms > morning_ms]
        for project in over:
            self._chat.at(morning_ms + int(self._rng.random() * 6 * HOUR_MS), self._finish, project)
        missing = self.wanted - len(self._running)
        for _ in range(missing):
            if self._rng.random() < 0.4:
                self._chat.at(morning_ms + int(self._rng.random() * 8 * HOUR_MS), self.start)

    def _finish(self, project: Project) -> None:
        is_launch = self._rng.random() < 0.7
        if is_launch:
            project.channel.mood = 1.0
            for turn in range(4 + int(self._rng.random() * 8)):
                self._chat.at(self._chat.now_ms + turn * 9 * MINUTE_MS, self._celebrate, project)
        self._chat.after(2 * DAY_MS, self._close, project)

    def _celebrate(self, project: Project) -> None:
        channel = project.channel
        if not channel.members:
            return
        person = channel.members[int(self._rng.random() * len(channel.members))]
        if not person.is_here:
            return
        mood: Mood = "positive" if self._rng.random() < 0.8 else "neutral"
        text = self._writer.opening(self._rng, "launch", mood, "")
        text = self._writer.in_manner(self._rng, text, mood, 0.5, person.is_casual)
        self._conversation.follow(self._chat.post(person, channel, text, mood))

    def _close(self, project: Project) -> None:
        here = [person for person in project.channel.members if person.is_here]
        if here:
            self._chat.archive(project.lead if project.lead in here else here[0], project.channel)

    def _crew(self, lead: Person) -> list[Person]:
        """The lead's collaborators and some of theirs."""
        crew: dict[Person, None] = {}
        for friend in lead.collaborators:
            if self._rng.random() < 0.6:
                crew[friend] = None
            if friend.collaborators and self._rng.random() < 0.35:
                crew[friend.collaborators[int(self._rng.random() * len(friend.collaborators))]] = None
        return list(crew)

    def _codename(self) -> str:
        self._n_opened += 1
        name = _CODENAMES[(self._n_opened - 1) % len(_CODENAMES)]
        again = (self._n_opened - 1) // len(_CODENAMES)
        return f"{name}-{again + 1}" if again else name
