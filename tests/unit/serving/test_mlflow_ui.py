"""The process of MLflow's interface: started by the first look, ended when idle, gone with the service."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from quikapp_ml.errors import Unavailable
from quikapp_ml.serving.mlflow_ui import PREFIX, MlflowUi


def until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up, "it did not become so in time"
        time.sleep(0.05)


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[MlflowUi]:
    made = MlflowUi(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path, idle_seconds=0.5)
    yield made
    made.close()


def test_it_is_started_by_the_first_look_and_ends_when_nobody_looks(ui: MlflowUi) -> None:
    assert not ui.is_running
    url = ui.url()
    assert httpx.get(f"{url}{PREFIX}/").text.startswith("<!doctype html>")
    (child,) = psutil.Process().children()
    below = child.children(recursive=True)
    until(lambda: not ui.is_running)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below)


def test_a_server_has_an_interface_of_its_own(tmp_path: Path) -> None:
    assert MlflowUi("https://mlflow.example:5000", tmp_path).elsewhere == "https://mlflow.example:5000"
    assert MlflowUi("sqlite:////x.db", tmp_path).elsewhere == ""


def test_it_waits_for_the_store_to_be_made(tmp_path: Path) -> None:
    ui = MlflowUi(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path, is_ready=lambda: False)
    with pytest.raises(Unavailable, match="being made"):
        ui.url()
    assert not ui.is_running


def test_what_cannot_begin_says_where_its_log_is(tmp_path: Path) -> None:
    ui = MlflowUi("nonsense://nowhere", tmp_path)
    with pytest.raises(Unavailable, match=r"mlflow-ui\.log"):
        ui.url()
    assert not ui.is_running and (tmp_path / "mlflow-ui.log").stat().st_size > 0
