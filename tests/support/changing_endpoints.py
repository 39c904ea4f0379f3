"""Makes, changes and deletes serving endpoints until it is killed: python changing_endpoints.py FOLDER SEED"""

import contextlib
import random
import sys
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

from dataclasses import replace  # noqa: E402

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Unavailable  # noqa: E402
from quikapp_ml.serving.access import create_token  # noqa: E402
from quikapp_ml.serving.audit import new_entry  # noqa: E402
from quikapp_ml.stores.state import open_state  # noqa: E402
from support.endpoints import Setup, config  # noqa: E402


def main(folder: Path, seed: int) -> None:
    """Go on and on."""
    chance = random.Random(seed)
    state = open_state(f"sqlite:///{folder / 'state.db'}")
    work = folder / f"work-{seed}"
    work.mkdir()
    setup = Setup(work, state.endpoints)
    setup.host.start([], "ann")
    sys.stdout.write("changing\n")
    sys.stdout.flush()
    while True:
        name, version = f"e-{chance.randrange(4)}", chance.randrange(1, 10)
        changes = (
            lambda name=name, version=version: setup.host.create(name, config(version), "ann", {}, ""),
            lambda name=name, version=version: setup.host.update_config(name, config(version), "ann"),
            lambda name=name, version=version: setup.host.change(
                name, lambda record: replace(record, tags={"v": str(version), "w": str(version)})
            ),
            lambda name=name: setup.host.delete(name),
            lambda: create_token(state.tokens, "ann", ("sql",), timedelta(days=1)),
            lambda: state.audit.append(new_entry("jobs", "runNow", "ann", {})),
        )
        with contextlib.suppress(AlreadyExists, Conflict, InvalidInput, NotFound, Unavailable):
            chance.choice(changes)()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
