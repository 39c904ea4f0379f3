"""`examples/databricks_tour.py` runs as it says: official clients only, against a running service."""

import re
import subprocess
import sys
from pathlib import Path

from support.running import ROOT, Running, environment, quikapp_ml


def test_the_tour_of_the_workspace_runs(service: Running, tmp_path: Path) -> None:
    said = quikapp_ml(service.home, "env").stdout
    exported = dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines())
    access = {name: exported[name] for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "databricks_tour.py")],
        env=environment(service.home, **access), cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    told = done.stdout
    for line in (
        "champion is version 2", "endpoint tour-clicks is EndpointStateReady.READY", "by {'v1': 10, 'v2': 90}",
        "rows written with Spark 200", "granted [('account users', ['SELECT'])]", "by SQL [['user-0', '0.0']",
        "the partner reads 200 rows", "'_change_type': 'insert'", "drift [['score',",
        "task table_upkeep RunResultState.SUCCESS", "the night RunResultState.SUCCESS",
    ):  # fmt: skip
        assert line in told, f"{line!r} is not in\n{told}"
    assert len(re.findall(r"^refresh \d+ SUCCESS$", told, re.MULTILINE)) == 2
    assert "P50 None" not in told
