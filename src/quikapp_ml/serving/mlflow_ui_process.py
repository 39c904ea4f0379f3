"""The process of MLflow's interface: `python -m quikapp_ml.serving.mlflow_ui_process PORT PREFIX ARTIFACTS`.

It ends, with all that it started, when its standard input is closed: so it does not outlive the service, however that
ends. The tracking store is in MLFLOW_BACKEND_STORE_URI.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence

from mlflow.cli import cli


def main(arguments: Sequence[str]) -> None:
    """Serve until the end."""
    port, prefix, artifacts = arguments
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    cli(
        ["server", "--host", "127.0.0.1", "--port", port, "--static-prefix", prefix, "--workers", "1",
         "--default-artifact-root", artifacts, "--no-serve-artifacts"],
    )  # fmt: skip


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
