"""`docs/databricks-api.md` claims what the official clients have tried, and nothing else."""

import re
from pathlib import Path

from quikapp_ml.serving.access import FAILURES, SCOPES
from quikapp_ml.serving.built_in_endpoints import built_in_endpoints
from quikapp_ml.settings import Settings
from support.fake_service import FakeService

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "databricks-api.md").read_text(encoding="utf-8")
SCRIPTS = ROOT / "tests" / "clients" / "scripts"


def _script(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


def _called(script: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, _script(script)))


def test_the_table_of_methods_is_what_the_clients_have_tried() -> None:
    tried = {f"w.serving_endpoints.{name}" for name in _called("sdk_serving.py", r"\bendpoints\.(\w+)\(")}
    tried |= {f"w.current_user.{name}" for name in _called("sdk_serving.py", r"\bw\.current_user\.(\w+)\(")}
    tried |= {f"w.jobs.{name}" for name in _called("sdk_jobs.py", r"\bw\.jobs\.(\w+)\(")}
    for script in ("sdk_unity.py", "sdk_sql.py"):
        tried |= {f"w.{name}" for name in _called(script, r"\b(?:w|other)\.(\w+\.\w+)\(")}
    tried |= {f"w.{name}" for name in _called("sdk_monitors.py", r"\bw\.((?:quality_monitors|data_quality)\.\w+)\(")}
    tried |= {f"client.{name}" for name in _called("mlflow_deployments.py", r"\bclient\.(\w+)\(")}
    claimed = set(re.findall(r"^\| (?:databricks-sdk|mlflow\.deployments) \| `([\w.]+)`", PAGE, re.MULTILINE))
    assert claimed == tried


def test_the_table_of_mlflow_is_what_its_client_has_tried() -> None:
    tried: set[str] = set()
    for script in ("mlflow_tracking.py", "mlflow_artifacts.py", "mlflow_models.py"):
        tried |= {f"client.{name}" for name in _called(script, r"\bclient\.(\w+)\(")}
        tried |= {f"mlflow.{name}" for name in _called(script, r"\bmlflow\.((?:\w+\.)?\w+)\(")}
    assert set(re.findall(r"^\| mlflow \| `([\w.]+)`", PAGE, re.MULTILINE)) == tried


def test_the_table_of_other_clients_of_unity_catalog_is_what_they_have_tried() -> None:
    pattern = r"\b(?:catalogs|schemas|tables|grants|VolumesApi\(client\)|FunctionsApi\(client\))\.(\w+)\("
    claimed = re.findall(r"^\| unitycatalog-client \| `(\w+)`", PAGE, re.MULTILINE)
    assert sorted(claimed) == sorted(_called("unity_client.py", pattern))
    words = PAGE.partition("| Sail's Unity client | ")[2].partition(" |")[0]
    statements = re.findall(r"session\.sql\(f?\"(CREATE \w+|INSERT|SELECT|SHOW \w+)", _script("sail_unity.py"))
    assert set(re.findall(r"`([A-Z ]+)`", words)) == set(statements)


def test_the_line_of_the_page_is_the_one_that_is_run() -> None:
    def squeezed(text: str) -> str:
        return re.sub(r"[\s,]+", "", text)

    line = squeezed(_script("plain_http.py"))
    example = PAGE.partition("requests.post(")[2].partition("```")[0]
    assert squeezed(example) in line


def test_scopes_limits_and_endpoints_are_those_of_the_code(tmp_path: Path) -> None:
    assert all(f"`{scope}`" in PAGE for scope in SCOPES)
    assert FAILURES == 20 and "Twenty wrong tokens in a minute" in PAGE
    service = FakeService(Settings.from_environment({"QUIKAPP_ML_HOME": str(tmp_path)}))
    for built_in in built_in_endpoints(service):
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{built_in.name}`"))
        assert all(f"`{name}`" in row for name in built_in.needs)
