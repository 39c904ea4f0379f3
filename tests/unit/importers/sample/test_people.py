import random
from collections import Counter

from quikapp_ml.importers.sample import SampleConfig
from quikapp_ml.importers.sample.people import hire


def test_everybody_has_an_id_of_their_own_a_team_and_interests() -> None:
    teams, people = hire(SampleConfig(users=300), random.Random(1))

    assert [person.user_id for person in people[:2]] == ["U0001", "U0002"]
    assert len({person.user_id for person in people}) == 300
    assert sum(len(team.members) for team in teams) == 300
    assert all(person.interests for person in people)


def test_collaboration_is_mutual_and_mostly_within_the_team() -> None:
    _, people = hire(SampleConfig(users=300), random.Random(1))

    pairs = [(person, other) for person in people for other in person.collaborators]

    assert all(person in other.collaborators and person is not other for person, other in pairs)
    assert 0.5 < sum(person.team is other.team for person, other in pairs) / len(pairs) < 0.95


def test_collaborators_share_interests_more_often_than_strangers() -> None:
    _, people = hire(SampleConfig(users=300), random.Random(1))
    rng = random.Random(2)

    def shares(pairs: list[tuple[object, object]]) -> float:
        return sum(not set(a.interests).isdisjoint(b.interests) for a, b in pairs) / len(pairs)  # type: ignore[attr-defined]

    friends: list[tuple[object, object]] = [(person, other) for person in people for other in person.collaborators]
    strangers: list[tuple[object, object]] = [(rng.choice(people), rng.choice(people)) for _ in range(3_000)]
    assert shares(friends) > 1.3 * shares(strangers)


def test_a_few_talk_much_and_most_talk_little() -> None:
    _, people = hire(SampleConfig(users=1_000), random.Random(1))
    talk = sorted((person.talkativeness for person in people), reverse=True)

    assert sum(talk[:100]) > 0.25 * sum(talk)
    assert 1.2 < sum(talk) / len(talk) < 2.2


def test_somebody_can_moderate_and_one_owns() -> None:
    for users in (2, 5, 40, 300):
        _, people = hire(SampleConfig(users=users), random.Random(1))
        roles = Counter(person.role for person in people)
        assert roles["owner"] == 1
        assert roles["moderator"] >= 1


def test_offices_have_their_own_hours() -> None:
    _, people = hire(SampleConfig(users=400), random.Random(1))
    noon_in_utc = 12 * 3_600_000

    hours = {person.team.office: person.local_hour(noon_in_utc) for person in people}

    assert len(hours) > 3
    assert hours["Berlin"] == 13
