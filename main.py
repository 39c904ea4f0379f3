"""The app for `uvicorn main:app --host 0.0.0.0 --port 5008`; settings are read, and the home opened, when it starts."""

import os
import sys
from pathlib import Path

# After `pip install -r requirements.txt` nothing else is needed: neither here nor in the jobs that the service starts.
SOURCE = str(Path(__file__).parent / "src")
sys.path.insert(0, SOURCE)

from quikapp_ml.api.app import build_app  # noqa: E402
from quikapp_ml.bootstrap import open_service  # noqa: E402
from quikapp_ml.settings import Settings  # noqa: E402

JOB_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((SOURCE, os.environ.get("PYTHONPATH", "")))}

app = build_app(lambda: open_service(Settings.from_environment(), JOB_ENVIRONMENT))
