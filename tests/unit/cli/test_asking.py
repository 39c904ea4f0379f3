"""What a command says when the service refuses, or is not there."""

from pathlib import Path

import httpx
import pytest

from quikapp_ml.cli.asking import ask, refusal
from quikapp_ml.errors import InvalidInput, NotFound
from support.fake_service import FakeService


def test_without_a_service_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIKAPP_ML_HOME", str(tmp_path))
    with pytest.raises(NotFound, match="quikapp-ml serve"):
        ask("GET", "/api/ml/review")


@pytest.mark.usefixtures("running_service")
def test_a_refusal_names_what_is_allowed() -> None:
    with pytest.raises(InvalidInput, match="limit: allowed is an integer of 1 to 500"):
        ask("GET", "/api/ml/review", {"limit": 0})
    with pytest.raises(NotFound):
        ask("GET", "/api/ml/nothing")


def test_empty_parameters_ask_for_nothing(running_service: FakeService) -> None:
    assert ask("GET", "/api/ml/review", {"workspace": "", "limit": 3})["total"] == 0
    assert running_service.life == ["start"]


def test_an_answer_of_another_form_is_shown_as_it_is() -> None:
    assert refusal(httpx.Response(502, text="<html>bad gateway")) == "HTTP 502: <html>bad gateway"
