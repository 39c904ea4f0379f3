"""The Jobs API over a small bundle, whose notebooks really run."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.settings import Settings
from quikapp_ml.workflows.background import BackgroundRuns
from quikapp_ml.workflows.bundle import read_bundle
from quikapp_ml.workflows.catalog import JobCatalog
from support.endpoints import Setup
from support.fake_service import FakeService, running
from support.workspace import Workspace

SOURCE = Path(__file__).parents[4] / "src"
JOBS = "/api/2.2/jobs"
NOTEBOOKS = {
    "hello": "print('hello', dbutils.widgets.get('who'))\n",
    "wait": "import time\nprint('waiting', flush=True)\ntime.sleep(60)\n",
    "need_file": "import os\nassert os.path.exists(os.environ['PLACE'] + '/file'), 'there is no file'\n",
}
BUNDLE = "bundle: {name: small}\ninclude: [jobs.yml]\ntargets: {local: {default: true}}\n"


def task(notebook: str, **more: Any) -> dict[str, Any]:
    return {"task_key": notebook, "notebook_task": {"notebook_path": f"/notebooks/{notebook}"}, **more}


def depends_on(key: str) -> list[dict[str, str]]:
    return [{"task_key": key}]


class Jobs:
    """What tests ask of the API."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace = workspace
        self.folder = folder

    def post(self, path: str, body: dict[str, Any], owner: str = "admin", status: int = 200) -> dict[str, Any]:
        return self._answered(self.workspace.request("POST", f"{JOBS}/{path}", owner, json=body), status)

    def get(self, path: str, owner: str = "admin", status: int = 200) -> dict[str, Any]:
        return self._answered(self.workspace.get(f"{JOBS}/{path}", owner), status)

    def create(self, *tasks: dict[str, Any], **settings: Any) -> int:
        job_id: int = self.post("create", {"name": "made", "tasks": list(tasks), **settings})["job_id"]
        return job_id

    def ended(self, run_id: int) -> dict[str, Any]:
        """The run, once it has ended."""
        give_up = time.monotonic() + 20
        while (run := self.get(f"runs/get?run_id={run_id}"))["status"]["state"] != "TERMINATED":
            assert time.monotonic() < give_up, "it did not end in time"
            time.sleep(0.02)
        return run

    @staticmethod
    def _answered(answer: Any, status: int) -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    (tmp_path / "notebooks").mkdir()
    for name, source in NOTEBOOKS.items():
        (tmp_path / "notebooks" / f"{name}.py").write_text(source)
    nightly = [
        {"task_key": name, "notebook_task": {"notebook_path": f"notebooks/{name}.py"}, "depends_on": after}
        for name, after in (("hello", []), ("need_file", depends_on("hello")), ("wait", depends_on("need_file")))
    ]
    job = {"name": "nightly", "tasks": nightly, "parameters": [{"name": "who", "default": "world"}]}
    (tmp_path / "jobs.yml").write_text(json.dumps({"resources": {"jobs": {"nightly": job}}}))
    (tmp_path / "databricks.yml").write_text(BUNDLE)
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path / "home")}))
    service.jobs = JobCatalog(read_bundle(tmp_path / "databricks.yml"), service.state.jobs)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PLACE": str(tmp_path)}
    service.job_runs = BackgroundRuns(service.jobs, service.state.job_runs, tmp_path / "runs", environment)
    with running(service) as client:
        yield Jobs(Workspace(service, client, Setup(tmp_path, service.state.endpoints)), tmp_path)
    service.job_runs.close()
