import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("quikapp-ml")


def _run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"QUIKAPP_ML_HOME": str(home), "COLUMNS": "200", **variables}
    return subprocess.run([str(COMMAND), *arguments], env=environment, capture_output=True, text=True, check=False)


def test_help_names_every_command(tmp_path: Path) -> None:
    shown = _run(tmp_path / "home", "--help")

    assert shown.returncode == 0
    for command in ("up", "serve", "import", "train", "pipeline", "models", "features", "doctor", "env"):
        assert f" {command} " in shown.stdout


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    shown = _run(tmp_path / "home", "decsions")

    assert shown.returncode == 2
    assert "Did you mean 'decisions'?" in shown.stderr


def test_what_trains_models_is_not_imported_to_serve_them() -> None:
    heavy = {"mlflow", "onnxruntime", "pandas", "pyspark", "scipy", "sklearn", "xgboost"}
    program = (
        "import sys; from quikapp_ml.cli import app; app(['serve', '-h'], standalone_mode=False); "
        f"print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "Usage" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("import", "slack", "/nowhere/export.zip"), 2, "/nowhere/export.zip"),
        (("pipeline", "run", "nightly"), 1, "ml_pipeline"),
        (("pipeline", "run", "-p", "model"), 2, "NAME=VALUE"),
        (("pipeline", "show", "7"), 1, "7"),
        (("features", "show", "user_activity", "U1", "U2"), 2, "user_id"),
        (("features", "show", "moods", "U1"), 1, "user_activity"),
        (("env",), 1, "quikapp-ml serve"),
    ],
)
def test_a_mistake_is_one_clear_message(tmp_path: Path, arguments: tuple[str, ...], code: int, named: str) -> None:
    refused = _run(tmp_path / "home", *arguments)

    assert refused.returncode == code, refused.stderr
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_bad_setting_is_refused_by_every_command(tmp_path: Path) -> None:
    refused = _run(tmp_path / "home", "models", "list", QUIKAPP_ML_LAKE_URL="x")

    assert refused.returncode == 2
    assert "QUIKAPP_ML_LAKEHOUSE_URL" in refused.stderr


def test_texts_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    made = _run(tmp_path / "home", "tokens", "create", "--owner", "a[/b]", "--comment", "[red]x")
    listed = _run(tmp_path / "home", "tokens", "list")

    assert made.returncode == 0, made.stderr
    assert "of a[/b] ends" in made.stderr
    assert made.stdout.startswith("dapi")
    assert "a[/b]" in listed.stdout
    assert "[red]x" in listed.stdout
