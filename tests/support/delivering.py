"""A service that takes a sample chat's events in small lists, to be killed: `python delivering.py USERS DAYS`.

The settings come from the environment. After each list that was acknowledged it writes a line with the number of events
so far; what it is given again it takes as duplicates.
"""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from quikapp_ml.bootstrap import open_service
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.settings import Settings

EVENTS_A_LIST = 50


def sample_events(users: int, days: int) -> list[dict[str, Any]]:
    """The same events in every process."""
    return list(generate(SampleConfig(users=users, days=days, until=datetime(2026, 11, 1, tzinfo=UTC))))


def lists(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The events in the order and the sizes of delivery."""
    rest = iter(events)
    while some := list(islice(rest, EVENTS_A_LIST)):
        yield some


def main() -> None:
    """Take all of them, then wait to be killed."""
    events = sample_events(int(sys.argv[1]), int(sys.argv[2]))
    service = open_service(Settings.from_environment())
    service.start_intake()
    n_taken = 0
    for some in lists(events):
        receipt = service.intake.accept_now(some, datetime.now(UTC))
        n_taken += receipt.accepted + receipt.duplicates
        os.write(1, b"%d\n" % n_taken)
    os.write(1, b"done\n")
    sys.stdin.read()


if __name__ == "__main__":
    main()
