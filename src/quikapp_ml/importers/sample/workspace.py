"""The days of the sample workspace, from its first to its last."""

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from quikapp_ml.importers.sample.bots import Bots
from quikapp_ml.importers.sample.campaigns import Campaigns
from quikapp_ml.importers.sample.chat import DAY_MS, HOUR_MS, Chat
from quikapp_ml.importers.sample.config import SampleConfig
from quikapp_ml.importers.sample.conversation import Conversation
from quikapp_ml.importers.sample.incidents import Incidents
from quikapp_ml.importers.sample.interests import INTERESTS, TOPICS
from quikapp_ml.importers.sample.movement import Movement
from quikapp_ml.importers.sample.people import Person, Team, hire
from quikapp_ml.importers.sample.projects import Projects
from quikapp_ml.importers.sample.texts import Writer

_OFFICES_HAVE_OWN_CHANNELS_FROM = 2_000
_SHARE_OF_ARRIVALS = 0.12
_SHARE_OF_DEPARTURES = 0.05
_HOLIDAYS = {(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)}
_DAY_OFF_TALK = 0.06


def generate(config: SampleConfig) -> Iterator[dict[str, Any]]:
    """The events of a sample workspace in the API's JSON form, oldest first, the same for the same config."""
    return _Workspace(config).run()


class _Workspace:
    def __init__(self, config: SampleConfig) -> None:
        self._config = config
        self._rng = rng = random.Random(config.seed)  # noqa: S311 - a sample, not a secret
        self._until_ms = _ms(config.until)
        self._start_ms = _first_midnight(self._until_ms - config.days * DAY_MS, self._until_ms)
        key = f"{config.users} {config.days} {config.seed} {self._until_ms}"
        self._chat = chat = Chat(rng, self._start_ms, f"sample-{zlib.crc32(key.encode()):08x}-")
        writer = Writer()
        self._teams, self._people = hire(config, rng)
        self._conversation = Conversation(chat, writer)
        self._movement = Movement(chat)
        self._bots = Bots(chat, self._conversation, writer, len(self._people[0].user_id) - 1)
        self._projects = Projects(chat, self._conversation, writer, self._people)
        self._incidents = Incidents(chat, self._conversation, writer, self._teams, self._bots.oncall)
        self._campaigns = Campaigns(chat, writer, self._people)
        self._arrivals, self._departures = self._draw_moves()
        self._themes = self._draw_themes()
        self._hours: defaultdict[int, list[Person]] = defaultdict(list)
        """Who begins a conversation in which hour since 1970."""

    def run(self) -> Iterator[dict[str, Any]]:
        yield from self._found()
        first_day = self._start_ms // DAY_MS
        self._plan_talk(first_day)
        for day in range(first_day, -(-self._until_ms // DAY_MS)):
            self._plan_talk(day + 1)
            self._plan_day(day)
            for hour in range(max(day * 24, self._start_ms // HOUR_MS), day * 24 + 24):
                for person in self._hours.pop(hour, ()):
                    self._chat.at(hour * HOUR_MS + int(self._rng.random() * HOUR_MS), self._conversation.begin, person)
                yield from self._chat.run_until(min((hour + 1) * HOUR_MS, self._until_ms))

    def _found(self) -> Iterator[dict[str, Any]]:
        """What is there on the first day: people, channels, memberships."""
        chat, newcomers = self._chat, {person for people in self._arrivals.values() for person in people}
        here = [person for person in self._people if person not in newcomers]
        for person in here:
            self._movement.introduce(person)
            person.arrived_ms = 0
            yield from self._tick()
        self._bots.introduce()
        self._open_common(here[0])
        self._open_interests(here)
        yield from self._tick()
        for team in self._teams:
            self._open_team(team)
            yield from self._tick()
        self._open_private(here)
        for person in here:
            self._movement.settle(person, 0.5)
            yield from self._tick()
        for _ in range(self._projects.wanted):
            self._projects.start()
            yield from self._tick()
        yield from chat.drain()

    def _tick(self) -> Iterator[dict[str, Any]]:
        self._chat.now_ms += 1
        return self._chat.drain()

    def _open_common(self, owner: Person) -> None:
        chat, common = self._chat, self._movement.common
        common.append(chat.open_channel("general", "general", "company", owner, "For everybody"))
        common.append(chat.open_channel("random", "random", "chatter", owner, "Anything but work"))
        common.append(chat.open_channel("announcements", "announcements", "company", owner, "Read only, mostly"))
        chat.open_channel("help-it", "help", "any", owner, "Laptops, accounts, access")
        chat.open_channel("help-data", "help", "data", owner, "Ask the data people")
        self._bots.alerts = chat.open_channel("alerts", "alerts", "oncall-bot", owner, "What the machines say")
        chat.join(self._bots.oncall, self._bots.alerts)

    def _open_interests(self, here: list[Person]) -> None:
        offices = {""}
        if self._config.users >= _OFFICES_HAVE_OWN_CHANNELS_FROM:
            offices |= {team.office for team in self._teams}
        for office in sorted(offices):
            for interest in INTERESTS:
                creator = next((p for p in here if interest in p.interests and office in ("", p.team.office)), here[0])
                name = f"{interest}-{office.lower().replace(' ', '-')}" if office else interest
                channel = self._chat.open_channel(name, "interest", interest, creator, TOPICS[interest])
                self._movement.interests[interest, office] = channel

    def _open_team(self, team: Team) -> None:
        lead = next((person for person in team.members if person.is_here), None)
        if lead is None:
            return
        about = f"The {team.name} team in {team.office}"
        team.channel = self._chat.open_channel(f"team-{team.name}", "team", team.department, lead, about)
        self._bots.enter(team)

    def _open_private(self, here: list[Person]) -> None:
        chat, leads = self._chat, [team.channel.creator for team in self._teams if team.channel is not None]
        room = chat.open_channel("leads", "leads", "leads", here[0], "Confidential", is_private=True)
        for lead in leads[:60]:
            chat.join(lead, room)
        hiring = chat.open_channel("hiring", "hiring", "hiring", leads[-1], "Candidates, confidential", is_private=True)
        for person in [p for p in here if p.team.department == "people"][:40] + leads[:20:2]:
            chat.join(person, hiring)
        insider = leads[0]
        secret = chat.open_channel("moonlight", "secret", "platform", insider, "Do not mention it", is_private=True)
        for person in insider.collaborators[:7]:
            chat.join(person, secret)

    def _plan_day(self, day: int) -> None:
        """Whatever happens today besides conversations."""
        chat, today, midnight = self._chat, self._date(day), day * DAY_MS
        for person in self._arrivals.get(day, ()):
            chat.at(midnight + 9 * HOUR_MS - int(person.team.offset_hours * HOUR_MS), self._movement.arrive, person)
        for person in self._departures.get(day, ()):
            chat.at(midnight + 17 * HOUR_MS - int(person.team.offset_hours * HOUR_MS), self._movement.depart, person)
        self._set_mood(day)
        self._campaigns.plan_day(midnight, self._config.users)
        self._bots.plan_alerts(midnight)
        if self._is_day_off(today):
            return
        if self._incidents.plan_day(midnight, self._config.users):
            chat.mood -= 0.15
        self._projects.plan_day(midnight + 8 * HOUR_MS)
        for team in self._teams:
            self._bots.plan_day(team, midnight)
        self._plan_announcement(midnight)

    def _set_mood(self, day: int) -> None:
        self._chat.theme = self._themes.get(day)
        self._chat.mood = {"layoffs": -0.8, "launch": 0.7, None: self._chat.mood * 0.3}[self._chat.theme]
        for channel in self._chat.channels:
            channel.mood *= 0.35

    def _plan_announcement(self, midnight: int) -> None:
        if self._chat.theme or self._rng.random() < 0.35:
            self._chat.at(midnight + 10 * HOUR_MS + int(self._rng.random() * 5 * HOUR_MS), self._announce)

    def _announce(self) -> None:
        channel = self._movement.common[-1]
        speaker = next((person for person in self._people if person.is_here), None)
        if speaker is not None and self._chat.may_write(speaker, channel):
            self._conversation.say(speaker, channel)

    def _plan_talk(self, day: int) -> None:
        """Draw who begins how many conversations on this local day, and what else they may do."""
        rng, today = self._rng, self._date(day)
        is_day_off = self._is_day_off(today)
        for person in self._people:
            if not person.is_here or rng.random() < 0.08:
                continue
            midnight_ms = day * DAY_MS - int(person.team.offset_hours * HOUR_MS)
            if not is_day_off:
                self._movement.plan_day(person, midnight_ms + 9 * HOUR_MS)
            for _ in range(_poisson(rng, person.talkativeness * (_DAY_OFF_TALK if is_day_off else 1.0))):
                hour = midnight_ms // HOUR_MS + person.draw_hour(rng, is_day_off)
                self._hours[hour].append(person)

    def _draw_moves(self) -> tuple[dict[int, list[Person]], dict[int, list[Person]]]:
        arrivals: defaultdict[int, list[Person]] = defaultdict(list)
        departures: defaultdict[int, list[Person]] = defaultdict(list)
        days = self._working_days()
        if days:
            for person in self._people[2:]:
                chance = self._rng.random()
                if chance < _SHARE_OF_ARRIVALS:
                    arrivals[days[int(self._rng.random() * len(days))]].append(person)
                elif chance > 1.0 - _SHARE_OF_DEPARTURES:
                    departures[days[int(self._rng.random() * len(days))]].append(person)
        return arrivals, departures

    def _draw_themes(self) -> dict[int, str]:
        """One angry and one happy day in about six weeks."""
        days, themes = self._working_days(), {}
        for first in range(0, len(days), 30):
            span = days[first : first + 30]
            if len(span) >= 8:
                themes[span[int(len(span) * self._rng.uniform(0.2, 0.5))]] = "launch"
                themes[span[int(len(span) * self._rng.uniform(0.55, 0.9))]] = "layoffs"
        return themes

    def _working_days(self) -> list[int]:
        first, last = self._start_ms // DAY_MS + 1, self._until_ms // DAY_MS
        return [day for day in range(first, last) if not self._is_day_off(self._date(day))]

    def _is_day_off(self, day: date) -> bool:
        return day.weekday() >= 5 or (day.month, day.day) in _HOLIDAYS

    def _date(self, day: int) -> date:
        return date(1970, 1, 1) + timedelta(days=day)


def _ms(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _first_midnight(start_ms: int, until_ms: int) -> int:
    """The first midnight in UTC from `start_ms` on, unless that leaves too little of the last day."""
    midnight_ms = -(-start_ms // DAY_MS) * DAY_MS
    return midnight_ms if until_ms - midnight_ms > DAY_MS // 2 else start_ms + 1


def _poisson(rng: random.Random, mean: float) -> int:
    """Knuth's way; fine for the small means here."""
    count, product, limit = 0, rng.random(), 2.718281828459045**-mean
    while product > limit:
        count += 1
        product *= rng.random()
    return count
