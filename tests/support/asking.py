"""A service that answers a fixed list of questions, as of a given moment: `python asking.py UNIX_SECONDS`.

The settings come from the environment. The answers go out as HTTP would send them, one a line; the ids of decisions,
which differ between any two answers, are left empty.
"""

import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

from quikapp_ml.api.answers import JsonAnswer
from quikapp_ml.bootstrap import Service, open_service
from quikapp_ml.entities.decisions import RankAnswer, RecommendationAnswer
from quikapp_ml.entities.questions import RankItem, RankQuestion, RecommendationQuestion
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.serving.trying import ModelChoice
from quikapp_ml.settings import Settings

QUERIES = (None, "release notes", "lunch")
NEWEST = 15
"""Messages of a channel that are ranked, besides some that the service has never seen."""


def answers(service: Service, now: float) -> list[RecommendationAnswer | RankAnswer]:
    """To each person: recommendations, a feed, and search results."""
    models = ModelChoice(service.models, service.experiments, service.shadows)
    parts = (models, service.ledger, service.workspace, service.features, lambda: now)
    recommendations, ranking = RecommendationService(*parts), RankingService(*parts)
    channels = sorted(service.workspace.channels)
    found: list[RecommendationAnswer | RankAnswer] = []
    for at, person in enumerate([*sorted(service.workspace.people), "nobody-yet"]):
        channel = channels[at % len(channels)]
        context = {"channel_id": channel} if at % 2 else {}
        question = RecommendationQuestion(user_id=person, limit=40, context=context, explain=True)
        found.append(recommendations.recommend(question))
        known = [message.message_id for message in service.workspace.recent_messages(channel, NEWEST)]
        items = [RankItem(item_id=one, channel_id=channel) for one in known]
        items += [RankItem(item_id=f"new-{n}", content="Lunch today?", created_at=moment(now)) for n in range(5)]
        query = QUERIES[at % len(QUERIES)]
        found.append(ranking.rank(RankQuestion(user_id=person, items=items, query=query, explain=True)))
    return found


def moment(seconds: float) -> datetime:
    """The time in the form of questions."""
    return datetime.fromtimestamp(seconds, UTC)


def wait_for_starters() -> None:
    """The process must not end in the middle of their registration."""
    for thread in threading.enumerate():
        if thread.name == "register-starters":
            thread.join()


def main() -> None:
    """Answer all, and write the answers."""
    with closing(open_service(Settings.from_environment())) as service:
        service.start()
        wait_for_starters()
        for answer in answers(service, float(sys.argv[1])):
            sys.stdout.buffer.write(bytes(JsonAnswer(replace(answer, decision_id="")).body) + b"\n")


if __name__ == "__main__":
    main()
