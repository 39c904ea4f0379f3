"""A home of the service that knows a large synthetic chat, as if it had taken each of its events."""

import json
import multiprocessing
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.bootstrap import DEFINITIONS, Service
from quikapp_ml.settings import Settings
from shared.synthetic_chat import Size, channel_id, chat_events, user_id

FACTS = "benchmark.json"
EVENTS_A_WRITE = 250_000
"""What is to be written is held in memory until then."""


def make_home(folder: Path, size: Size) -> float:
    """Make it unless it is there; return the moment (unix seconds) at which its events end."""
    facts = folder / FACTS
    if not facts.exists():
        process = multiprocessing.get_context("spawn").Process(target=_fill, args=(folder, size))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit("the chat could not be made")
    found = json.loads(facts.read_text())
    if (found["users"], found["channels"], found["events"]) != (size.users, size.channels, size.events):
        raise SystemExit(f"{folder} holds another chat: {found}")
    return float(found["now"])


def _fill(folder: Path, size: Size) -> None:
    """Straight into the state in memory and its documents: a client would be busy for an hour."""
    began, now = time.perf_counter(), time.time()
    environment = {**os.environ, "QUIKAPP_ML_HOME": str(folder)}
    service = Service(Settings.from_environment(environment), environment)
    service.intake.rebuild((), 0)
    for number, event in enumerate(chat_events(size, now), start=1):
        for activity in service.workspace.apply(event):
            service.features.apply(activity)
        if number % EVENTS_A_WRITE == 0:
            service.intake.persist()
    service.intake.accept_now([_last(now)], datetime.fromtimestamp(now, UTC))
    service.intake.persist()
    service.online.write({DEFINITIONS: dict.fromkeys(service.features.NAMESPACES, b"")})
    service.close()
    took = round(time.perf_counter() - began)
    facts = {"users": size.users, "channels": size.channels, "events": size.events, "now": now, "seconds": took}
    (folder / FACTS).write_text(json.dumps(facts))
    print(f"made a chat: {facts}", flush=True)


def _last(now: float) -> dict[str, str]:
    at = datetime.fromtimestamp(now, UTC).isoformat()
    return {"event_id": "last", "type": "join", "event_time": at, "user_id": user_id(0), "channel_id": channel_id(0)}
