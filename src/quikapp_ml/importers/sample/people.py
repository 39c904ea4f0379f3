"""Who works in the sample workspace: offices, teams, collaborators, interests, habits."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from quikapp_ml.importers.sample.config import SampleConfig
from quikapp_ml.importers.sample.interests import INTERESTS
from quikapp_ml.importers.sample.phrases import read_words

if TYPE_CHECKING:
    from quikapp_ml.importers.sample.chat import Channel

ENGINEERING = ("platform", "mobile", "data")
_DEPARTMENT_SHARES = {
    "platform": 22, "mobile": 12, "data": 12, "design": 7, "sales": 14, "support": 13, "people": 6, "finance": 5,
    "marketing": 9,
}  # fmt: skip
_OFFICES = (
    ("Berlin", 1.0), ("New York", -5.0), ("Bangalore", 5.5), ("London", 0.0), ("San Francisco", -8.0),
    ("Singapore", 8.0), ("São Paulo", -3.0), ("Sydney", 10.0),
)  # fmt: skip
_TITLES = {
    "platform": ("Software Engineer", "Senior Engineer", "SRE", "Staff Engineer", "Security Engineer"),
    "mobile": ("iOS Developer", "Android Developer", "Mobile Engineer", "QA Engineer"),
    "data": ("Data Analyst", "Data Engineer", "Data Scientist", "ML Engineer"),
    "design": ("Product Designer", "UX Researcher", "Content Designer"),
    "sales": ("Account Executive", "Sales Engineer", "Customer Success Manager"),
    "support": ("Support Agent", "Support Engineer", "Community Manager"),
    "people": ("Recruiter", "HR Partner", "Office Manager"),
    "finance": ("Accountant", "Controller", "Financial Analyst"),
    "marketing": ("Content Marketer", "Campaign Manager", "Designer"),
}
_TEAM_SIZE = 11
_MAX_COLLABORATORS = 16

_WORKDAY_HOURS = (
    (0, 0, 0, 0, 0, 0, 2, 6, 10, 12, 11, 9, 5, 8, 10, 9, 6, 3, 1, 0, 1, 1, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 1, 6, 11, 12, 10, 5, 8, 11, 11, 9, 6, 3, 1, 1, 1, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0, 2, 6, 10, 11, 6, 7, 10, 11, 11, 9, 7, 4, 2, 2, 1, 0),
    (1, 0, 0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 6, 5, 8, 9, 9, 7, 5, 4, 6, 7, 6, 3),
)
"""Messages by local hour for the early, the usual, the late and those who come back in the evening."""
_DAY_OFF_HOURS = (1, 0, 0, 0, 0, 0, 0, 1, 2, 4, 6, 7, 6, 5, 5, 5, 5, 5, 6, 7, 8, 7, 5, 3)


def _cumulated(hours: Sequence[int]) -> tuple[float, ...]:
    total = sum(hours)
    return tuple(part / total for part in accumulate(hours))


_WORKDAYS = tuple(map(_cumulated, _WORKDAY_HOURS))
_DAY_OFF = _cumulated(_DAY_OFF_HOURS)


@dataclass(slots=True, eq=False)
class Team:
    """A team in one office; `culture` are the interests that many of its people share."""

    name: str
    department: str
    office: str
    offset_hours: float
    culture: tuple[str, ...]
    members: list["Person"] = field(default_factory=list)
    channel: "Channel | None" = None


@dataclass(slots=True, eq=False)
class Person:
    """Somebody of the workspace: traits that never change, and where they are now."""

    user_id: str
    name: str
    team: Team
    title: str
    habit: int
    talkativeness: float
    """Conversations begun on a working day, in the mean."""
    charm: float
    """How many answers and reactions their messages earn; about 1."""
    temper: float
    """From -1, grumpy, to 1, cheerful."""
    emoji_ratio: float
    is_casual: bool
    interests: tuple[str, ...]
    collaborators: list["Person"] = field(default_factory=list)
    """Whom they work with, the closest first."""
    channels: "dict[Channel, float]" = field(default_factory=dict)
    """Where they are a member, with how much they like to write there."""
    menu: "tuple[tuple[Channel, ...], tuple[float, ...]] | None" = None
    """`channels` as a list to draw from, made when it is needed."""
    blocked: "set[Person]" = field(default_factory=set)
    role: str = "member"
    is_here: bool = False
    is_bot: bool = False
    arrived_ms: int = 0

    def local_hour(self, at_ms: int) -> int:
        """The hour of their day."""
        return int(at_ms / 3_600_000 + self.team.offset_hours) % 24

    def is_awake(self, at_ms: int) -> bool:
        """Whether they would answer now."""
        return 7 <= self.local_hour(at_ms) <= 22

    def draw_hour(self, rng: random.Random, is_day_off: bool) -> int:
        """A local hour at which they write."""
        return bisect_left(_DAY_OFF if is_day_off else _WORKDAYS[self.habit], rng.random())

    def draw_channel(self, rng: random.Random) -> "Channel | None":
        """One of their channels, the liked ones more often."""
        if self.menu is None:
            self.menu = (tuple(self.channels), tuple(accumulate(self.channels.values())))
        channels, sums = self.menu
        if not channels or sums[-1] <= 0:
            return None
        return channels[bisect_left(sums, rng.random() * sums[-1])]


_NAMES = read_words("names.txt")


def draw_name(rng: random.Random) -> str:
    """A first and a last name."""
    first, last = _NAMES["first"], _NAMES["last"]
    return f"{first[int(rng.random() * len(first))]} {last[int(rng.random() * len(last))]}"


def hire(config: SampleConfig, rng: random.Random) -> tuple[list[Team], list[Person]]:
    """All teams, and all people in the order of their ids; the first is the owner."""
    teams = _teams(config.users, rng)
    digits = max(4, len(str(config.users)))
    seats = [team for team in teams for _ in range(_TEAM_SIZE)]
    rng.shuffle(seats)
    while len(seats) < config.users:
        seats.append(teams[int(rng.random() * len(teams))])
    people = [_person(f"U{number:0{digits}d}", seats[number - 1], rng) for number in range(1, config.users + 1)]
    for person in people:
        person.team.members.append(person)
    _give_roles(people, rng)
    _acquaint(people, rng)
    return teams, people


def _teams(users: int, rng: random.Random) -> list[Team]:
    offices = _OFFICES[: max(1, min(len(_OFFICES), users // 40))]
    n_teams = max(2, round(users / _TEAM_SIZE))
    total = sum(_DEPARTMENT_SHARES.values())
    teams = []
    for department, share in _DEPARTMENT_SHARES.items():
        for index in range(max(1 if n_teams >= len(_DEPARTMENT_SHARES) else 0, round(n_teams * share / total))):
            office, offset = offices[int(rng.random() * len(offices))]
            squad = "" if index == 0 else f"-{_NAMES['squad'][(index - 1) % len(_NAMES['squad'])]}"
            again = "" if index <= len(_NAMES["squad"]) else f"-{(index - 1) // len(_NAMES['squad']) + 1}"
            culture = tuple(_popular_interest(rng) for _ in range(2))
            teams.append(Team(f"{department}{squad}{again}", department, office, offset, culture))
    return teams or [Team("platform", "platform", *offices[0], culture=INTERESTS[:2])]


def _person(user_id: str, team: Team, rng: random.Random) -> Person:
    titles = _TITLES[team.department]
    return Person(
        user_id=user_id,
        name=draw_name(rng),
        team=team,
        title=titles[int(rng.random() ** 1.5 * len(titles))],
        habit=(0, 1, 1, 1, 2, 2, 3)[int(rng.random() * 7)],
        talkativeness=min(16.0, 1.6 * rng.lognormvariate(-0.32, 0.8)),
        charm=rng.lognormvariate(-0.18, 0.6),
        temper=rng.uniform(-1.0, 1.0),
        emoji_ratio=max(0.0, rng.gauss(0.16, 0.14)),
        is_casual=rng.random() < 0.45,
        interests=_interests(team, rng),
    )


def _interests(team: Team, rng: random.Random) -> tuple[str, ...]:
    wanted: dict[str, None] = {}
    for _ in range(2 + int(rng.random() * 3)):
        if rng.random() < 0.45:
            wanted[team.culture[int(rng.random() * len(team.culture))]] = None
        else:
            wanted[_popular_interest(rng)] = None
    return tuple(wanted)


def _popular_interest(rng: random.Random) -> str:
    return INTERESTS[int(rng.random() ** 1.6 * len(INTERESTS))]


def _give_roles(people: list[Person], rng: random.Random) -> None:
    for person in people[1:]:
        chance = rng.random()
        if chance < 0.015:
            person.role = "admin"
        elif chance > 0.97:
            person.role = "guest"
    for person in people[1 :: max(1, len(people) // max(2, len(people) // 60))]:
        person.role = "moderator"
    people[0].role = "owner"


def _acquaint(people: list[Person], rng: random.Random) -> None:
    for person in people:
        mates = [mate for mate in person.team.members if mate is not person]
        rng.shuffle(mates)
        mates.sort(key=lambda mate: set(mate.interests).isdisjoint(person.interests))
        for mate in mates[: 3 + int(rng.random() * 3)]:
            _know(person, mate)
        for _ in range(1 + int(rng.random() * 3)):
            _know(person, _from_elsewhere(person, people, rng))


def _from_elsewhere(person: Person, people: list[Person], rng: random.Random) -> Person:
    """Somebody of another team, sooner one who shares an interest."""
    other = person
    for _ in range(6):
        other = people[int(rng.random() * len(people))]
        if other.team is not person.team and not set(other.interests).isdisjoint(person.interests):
            break
    return other


def _know(one: Person, other: Person) -> None:
    if one is other or other in one.collaborators:
        return
    if len(one.collaborators) < _MAX_COLLABORATORS and len(other.collaborators) < _MAX_COLLABORATORS:
        one.collaborators.append(other)
        other.collaborators.append(one)
