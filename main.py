"""The app for `uvicorn main:app --host 0.0.0.0 --port 5008`; settings are read, and the home opened, when it starts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))  # after `pip install -r requirements.txt` nothing else is needed

from quikapp_ml.api.app import build_app
from quikapp_ml.bootstrap import open_service
from quikapp_ml.settings import Settings

app = build_app(lambda: open_service(Settings.from_environment()))
