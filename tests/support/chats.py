"""A small chat to ask questions about: events are told one by one, each a minute after the last."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from quikapp_ml.entities.decisions import Decision, ModelRef
from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.entities.experiments import Subject
from quikapp_ml.errors import Unavailable
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.base import Model
from quikapp_ml.serving.campaigns import Campaigns
from quikapp_ml.serving.experiment_host import AS_EVER, Asker, Choice
from quikapp_ml.serving.loading import Loaded
from quikapp_ml.serving.moderation import Moderation
from quikapp_ml.serving.policy import ListPolicy
from quikapp_ml.serving.ranking import RankingService
from quikapp_ml.serving.recommendations import RecommendationService
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.moderation import ModerationRecords

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Chat:
    """Tells events to a chat workspace and keeps them in `log`."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.features = OnlineFeatures()
        self.log: list[Event] = []
        self.time = START

    def tell(self, kind: str, user_id: str, **fields: Any) -> None:
        """One event, a minute later than the last one."""
        self.time += timedelta(minutes=1)
        given = {"event_id": f"e{len(self.log)}", "type": kind, "event_time": self.time.isoformat(), "user_id": user_id}
        self.apply(parse_event({**given, **fields}, now=LATEST))

    def apply(self, event: Event) -> None:
        """One event as it is."""
        self.log.append(event)
        for activity in self.workspace.apply(event):
            self.features.apply(activity)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.time += timedelta(**span)

    def people(self, *user_ids: str, team: str | None = None) -> None:
        """Some people arrive."""
        for user_id in user_ids:
            fields = {"team": team} if team else {}
            self.tell("user_updated", user_id, name=user_id.capitalize(), **fields)

    def channel(self, channel_id: str, *members: str, is_private: bool = False) -> None:
        """The first member opens a channel, the others join."""
        name = f"{channel_id}-name"
        self.tell("channel_created", members[0], channel_id=channel_id, name=name, is_private=is_private)
        for member in members[1:]:
            self.tell("join", member, channel_id=channel_id)

    def post(self, user_id: str, channel_id: str, message_id: str, thread_id: str | None = None, **more: Any) -> None:
        """Somebody writes."""
        thread = {"thread_id": thread_id} if thread_id else {}
        self.tell("message", user_id, channel_id=channel_id, message_id=message_id, content="words", **thread, **more)

    def react(self, user_id: str, channel_id: str, message_id: str) -> None:
        """Somebody puts an emoji on a message."""
        self.tell("reaction", user_id, channel_id=channel_id, message_id=message_id, reaction="+1")

    def now(self) -> float:
        """Unix seconds: the clock of the services under test."""
        return self.time.timestamp()

    def view(self, user_id: str) -> Viewpoint:
        """The chat as one person sees it."""
        return Viewpoint(self.workspace, self.features, user_id, self.now())


class OneModel:
    """A model host with one model, or none."""

    def __init__(self, model: Model | None, version: str = "9.9.9") -> None:
        self.model = model
        self.version = version
        self.choice = AS_EVER
        self.fallbacks = 0
        self.offered: list[tuple[str, Model, Callable[[Any], Any]]] = []

    def get(self, name: str) -> Loaded:
        """The model, when it has that name."""
        if self.model is None or self.model.name != name:
            raise Unavailable(f"no model {name}")
        return Loaded(self.model, ModelRef(name, self.version), 7, "champion")

    def choose(self, _subject: Subject, _asker: Asker) -> Choice:
        """No experiment is running."""
        return self.choice

    def note_fallback(self) -> None:
        """Count it."""
        self.fallbacks += 1

    def offer(self, name: str, champion: Model, score: Callable[[Any], Any]) -> None:
        """Keep the question for who asks it again."""
        self.offered.append((name, champion, score))


class Ledger:
    """Keeps decisions in a list and gives ids that count."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def new_decision_id(self) -> str:
        """d0, d1 …"""
        return f"d{len(self.decisions)}"

    def record(self, decision: Decision) -> None:
        """Keep it."""
        self.decisions.append(decision)


def moderation_of(chat: Chat, records: ModerationRecords | None = None) -> Moderation:
    """Moderation over a chat, with the records of an earlier process, or none."""
    records = records or MemoryControlState().moderation
    return Moderation(records, chat.workspace, chat.features, Campaigns(), chat.now)


def recommender(
    chat: Chat, model: Model | None, policy: ListPolicy | None = None
) -> tuple[RecommendationService, Ledger]:
    """The service over a chat, and the ledger it writes to."""
    ledger = Ledger()
    models: Any = OneModel(model)
    written: Any = ledger
    return RecommendationService(models, written, chat.workspace, chat.features, chat.now, policy), ledger


def ranker(chat: Chat, model: Model | None) -> tuple[RankingService, Ledger]:
    """The service over a chat, and the ledger it writes to."""
    ledger = Ledger()
    models: Any = OneModel(model)
    written: Any = ledger
    return RankingService(models, written, chat.workspace, chat.features, chat.now), ledger


def office() -> Chat:
    """Ann works with Bob and Cid of her team; Dan and Eve are elsewhere. Two private rooms, one without Ann.

    Ann is in `home` and `secret-own`. She could join `craft` (Bob and Cid are there), `lobby` (lively) and `attic`
    (nobody writes). She knows nothing of `vault`.
    """
    chat = Chat()
    chat.people("ann", "bob", "cid", team="design")
    chat.people("dan", "eve", team="sales")
    chat.channel("home", "bob", "ann", "cid")
    chat.channel("craft", "bob", "cid")
    chat.channel("lobby", "dan", "eve")
    chat.channel("attic", "eve")
    chat.channel("vault", "dan", "bob", is_private=True)
    chat.channel("secret-own", "ann", "bob", is_private=True)
    for number in range(6):
        chat.post("bob", "home", f"h{number}")
        chat.post("ann", "home", f"a{number}", thread_id=f"h{number}")
        chat.post("dan", "lobby", f"l{number}")
        chat.post("dan", "lobby", f"m{number}")
        chat.post("dan", "vault", f"v{number}")
        chat.post("cid", "craft", f"c{number}")
    chat.react("ann", "home", "h1")
    chat.post("bob", "secret-own", "s1")
    return chat
