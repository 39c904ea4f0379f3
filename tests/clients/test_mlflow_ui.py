"""MLflow's interface through the port of the service, looked at by a real browser where there is one."""

import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from support.running import Running

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def opened(url: str) -> httpx.Response:
    """The page, once the store has been made and its server answers."""
    give_up = time.monotonic() + 90
    while (answer := httpx.get(url, timeout=90)).status_code == 503:
        assert time.monotonic() < give_up, answer.text
        time.sleep(0.5)
    return answer


def test_the_models_of_the_service_are_seen(service: Running) -> None:
    page = f"{service.url}/mlflow"
    assert "<title>MLflow</title>" in opened(f"{page}/").text
    assert httpx.get(page).headers["location"] == "/mlflow/"
    search = f"{page}/ajax-api/2.0/mlflow/registered-models/search"
    models = [each["name"] for each in httpx.get(search, timeout=60).json()["registered_models"]]
    assert "spam-classifier" in models
    experiments = f"{page}/ajax-api/2.0/mlflow/experiments/search"

    def asked_from(origin: str) -> httpx.Response:
        return httpx.post(experiments, headers={"origin": origin}, json={"max_results": 5}, timeout=60)

    assert asked_from(service.url).status_code == 200
    refused = asked_from("http://elsewhere.example")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium or Chrome")
def test_a_browser_builds_the_page(service: Running, tmp_path: Path) -> None:
    opened(f"{service.url}/mlflow/")
    assert "spam-classifier" in seen(f"{service.url}/mlflow/#/models", tmp_path)


def seen(url: str, folder: Path) -> str:
    """The page as a browser has built it."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
               "--virtual-time-budget=30000", "--dump-dom", url]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
