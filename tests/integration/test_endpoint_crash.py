"""`kill -9` in the middle of changes: each is done, or not begun, or taken up again."""

import random
import subprocess
import sys
import time
from pathlib import Path

from quikapp_ml.stores.state import open_state
from support import changing_endpoints
from support.endpoints import Setup

KILLS = 8


def test_a_killed_service_leaves_every_change_done_or_not_begun(tmp_path: Path) -> None:
    chance = random.Random(7)
    n_served = n_tagged = 0
    for kill in range(KILLS):
        command = [sys.executable, changing_endpoints.__file__, str(tmp_path), str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and child.stdout.readline() == "changing\n"
            time.sleep(chance.uniform(0.05, 0.4))
            child.kill()
        state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
        work = tmp_path / f"look-{kill}"
        work.mkdir()
        setup = Setup(work, state.endpoints)
        setup.host.start([], "ann")
        for record in setup.host.all():
            settled = setup.settled(record.name)
            assert settled.active is not None and settled.pending is None and not settled.failure
            scored, served_by = setup.ask(record.name)
            assert (scored.status, served_by) == (200, settled.active.entities[0].name)
            assert settled.tags.get("v") == settled.tags.get("w")
            n_served += 1
            n_tagged += bool(settled.tags)
        assert len({token.digest for token in state.tokens.all()}) == len(state.tokens.all())
        numbers = [number for number, _ in state.audit.waiting(limit=10**6)]
        assert numbers == list(range(1, len(numbers) + 1))
        setup.host.close()
        state.close()
    assert n_served > KILLS and n_tagged > 0
