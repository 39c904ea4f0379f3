"""`review`: what waits, and a moderator's word."""

from typer.testing import CliRunner, Result

from quikapp_ml.cli import app
from quikapp_ml.cli.screen import answers
from quikapp_ml.entities.decisions import Evidence
from quikapp_ml.entities.spam_policy import SpamCase
from quikapp_ml.serving.spam_memory import SpamCheck
from support.fake_service import FakeService

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    with answers.capture() as shown:
        result: Result = RUNNER.invoke(app, ["review", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return shown.get()


def test_what_waits_is_listed_with_its_evidence(running_service: FakeService) -> None:
    assert "nothing waits" in run("list")
    for number in range(2):
        case = SpamCase(0.97, 0.0, "mal", channel="C1")
        evidence = (Evidence("phrase", 2.5, "“[b]free[/b]”"),)
        check = SpamCheck(f"d-{number}", 1.0, "W1", "[b]free[/b]", case, "hold", evidence, 0, "c-1", None)
        running_service.moderation.queue.add(check)
    shown = run("list", "--channel", "C1", "--limit", "1")
    for part in ("d-0", "hold", "0.970", "mal", "c-1", "[b]free[/b]", "phrase +2.5", "2 in all"):
        assert part in shown


def test_a_word_is_handed_on(running_service: FakeService) -> None:
    assert "release: 1 messages" in run("resolve", "d-1", "release", "--comment", "real", "--campaign")
    (asked,) = running_service.answers.asked
    assert (asked.resolution, asked.whole_campaign) == ("release", True)
    assert asked.comment.startswith("real (")
