"""`policy`: shown, set, tried, told of."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from quikapp_ml.cli import app
from quikapp_ml.cli.screen import answers
from quikapp_ml.errors import InvalidInput

RUNNER = CliRunner()


def run(*arguments: str, given: str | None = None) -> str:
    with answers.capture() as shown:
        result: Result = RUNNER.invoke(app, ["policy", *arguments], input=given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return shown.get()


@pytest.mark.usefixtures("running_service")
def test_a_policy_is_set_shown_tried_and_told_of(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"thresholds": {"flag": 0.4}, "exempt_roles": ["admin"]}')
    assert "nothing would be another way" in run("dry-run", str(file))
    assert "C1: version 1" in run("set", str(file), "--channel", "C1", "--comment", "loud")
    assert "spam-1" in run("show", "--channel", "C1")
    assert "spam-0" in run("show")
    told = run("history", "--channel", "C1")
    assert '{"thresholds": {"flag": 0.4}, "exempt_roles": ["admin"]}' in told
    assert "loud" in told
    run("set", "-", given="{}")
    assert "everywhere" in run("history")


@pytest.mark.parametrize(("text", "named"), [("{", "not JSON"), ("[]", "no JSON object"), (None, "cannot be read")])
def test_what_is_no_file_with_a_policy_is_refused(tmp_path: Path, text: str | None, named: str) -> None:
    file = tmp_path / "policy.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInput, match=named):
        run("dry-run", str(file))
