"""The golden vectors by the JavaScript and the Java implementation. It needs Node.js and Java 17, and fails without."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VECTORS: list[dict[str, Any]] = json.loads((HERE / "assignment.json").read_text(encoding="utf-8"))


def run(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_javascript_says_the_same() -> None:
    said = run("node", str(HERE / "assignment.js"), str(HERE / "assignment.json"))
    assert said.splitlines()[-1] == f"{len(VECTORS)} vectors, 0 wrong"


def test_java_says_the_same() -> None:
    def line(vector: dict[str, Any]) -> str:
        encoded = [base64.b64encode(vector[name].encode()).decode() for name in ("salt", "unit")]
        return "\t".join([*encoded, ",".join(map(repr, vector["weights"]))])

    said = run("java", str(HERE / "Assignment.java"), given="\n".join(map(line, VECTORS)) + "\n")
    assert said.splitlines() == [f"{vector['numerator']}\t{vector['variant']}" for vector in VECTORS]
