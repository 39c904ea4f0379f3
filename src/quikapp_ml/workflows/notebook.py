"""Executes a notebook's source file in this process: what the runner starts as a child for each attempt at a task.

    python -m quikapp_ml.workflows.notebook FILE PARAMETERS

The file finds its parameters (a JSON object) where it finds them on Databricks: in `dbutils.widgets`. This process
ends, with all that it started, when its standard input is closed: so it does not outlive the runner, however that ends.
"""

import json
import logging
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from quikapp_ml.errors import InvalidInput


class Widgets:
    """The part of `dbutils.widgets` that gives a job's parameters to its notebooks."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str:
        """One parameter. Raises InvalidInput when it was not given."""
        if name not in self._values:
            raise InvalidInput(
                f"there is no parameter {name!r}; given were {', '.join(sorted(self._values)) or 'none'}"
            )
        return self._values[name]

    def getAll(self) -> dict[str, str]:  # noqa: N802 the name that Databricks gives it
        """All parameters by name."""
        return dict(self._values)


class Dbutils:
    """What a notebook finds under the name `dbutils`."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.widgets = Widgets(parameters)


def main(arguments: Sequence[str]) -> None:
    """Execute the notebook; what it raises ends the process with its traceback and exit code 1."""
    file, parameters = arguments
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("quikapp_ml").setLevel(logging.INFO)
    runpy.run_path(file, init_globals={"dbutils": Dbutils(json.loads(parameters))}, run_name="__main__")


def _end_with_parent() -> None:
    # os.read, not sys.stdin: a thread inside sys.stdin would hold its lock while the interpreter shuts down.
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
