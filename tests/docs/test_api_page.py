"""`docs/api.md` tells the truth: its examples are run, and nothing of the interface is missing from it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from quikapp_ml.api.errors import STATUSES
from quikapp_ml.entities.questions import (
    Feedback,
    RankItem,
    RankQuestion,
    RecommendationQuestion,
    SentimentMessage,
    SentimentQuestion,
    SpamQuestion,
)
from quikapp_ml.entities.reviews import ReviewResolution
from quikapp_ml.entities.spam_policy import SpamPolicyChange
from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.settings import Settings
from support.fake_service import Client, FakeService, running

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?)\n```\n```json\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running(FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))) as client:
        yield client


def _run(client: Client, command: str) -> Any:
    """Send what the curl command would send."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["curl", "-s"]
    path = words[2].removeprefix("localhost:5008")
    options = dict(zip(words[3::2], words[4::2], strict=True))
    if "-d" not in options:
        return client.get(path).json()
    name, _, value = options["-H"].partition(": ")
    method = options.get("-X", "POST")
    return client.request(method, path, content=options["-d"].encode(), headers={name: value}).json()


def _form(value: Any) -> Any:
    """Names and kinds of values, without the values."""
    if isinstance(value, dict):
        return {name: _form(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_form(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command.split()[2] for command, _ in EXAMPLES])
def test_an_example_answers_as_it_is_shown(client: Client, command: str, shown: str) -> None:
    found, expected = _run(client, command), orjson.loads(shown)
    assert list(found) == list(expected)
    for open_field in ("abuse", "summary"):
        found.pop(open_field, None), expected.pop(open_field, None)
    assert _form(found) == _form(expected)


@pytest.mark.parametrize("path", ["/health ", "/events ", "/recommendations "])
def test_examples_that_can_be_exact_are(client: Client, path: str) -> None:
    command, shown = next((command, shown) for command, shown in EXAMPLES if path in f"{command.split()[2]} ")
    found, expected = _run(client, command), orjson.loads(shown)
    found.pop("request_id", None), expected.pop("request_id", None)
    assert found == expected


def test_every_path_has_an_example_or_is_named(client: Client) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        assert path in PAGE
        if "post" in methods:
            called = re.compile(re.sub(r"\\{\w+\\}", "[^ /]+", re.escape(f"localhost:5008{path} ")))
            assert any(called.search(command) for command, _ in EXAMPLES), path


def test_every_error_is_in_the_table() -> None:
    for cls, status in STATUSES.items():
        code = "internal" if cls is QuikAppMLError else cls.code
        assert re.search(rf"^\| {status} \|[^|]*`{code}`", PAGE, re.MULTILINE), code


@pytest.mark.parametrize("cls", [
    RecommendationQuestion, RankQuestion, RankItem, SpamQuestion, SentimentQuestion, SentimentMessage, Feedback,
    SpamPolicyChange, ReviewResolution,
])  # fmt: skip
def test_every_field_of_a_question_is_named(cls: Any) -> None:
    for name in cls.model_fields:
        assert f"`{name}`" in PAGE or f'"{name}"' in PAGE, name
