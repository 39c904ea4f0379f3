"""The examples of the README, run by a shell as they stand there, against the running service."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.running import Running

README = (Path(__file__).parents[2] / "README.md").read_text()
QUESTIONS = re.findall(r"^curl -s localhost:5008\S+ .*?'$", README.replace("\\\n", " "), re.MULTILINE)


def test_the_readme_asks_the_documented_questions() -> None:
    assert [re.search(r"5008(\S+)", question)[1] for question in QUESTIONS] == [  # type: ignore[index]
        "/api/ml/recommendations",
        "/api/ml/spam-check",
        "/api/ml/sentiment",
    ]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.split()[2].rpartition("/")[2])
def test_a_question_of_the_readme_is_answered(service: Running, question: str) -> None:
    assert shutil.which("curl"), "this test runs the README's curl lines: install curl"
    asked = question.replace("localhost:5008", service.url.removeprefix("http://"))

    answered = subprocess.run(["sh", "-c", asked], capture_output=True, text=True, timeout=30, check=True)

    answer = json.loads(answered.stdout)
    assert "decision_id" in answer, answer
    assert answer["degraded"] is False
