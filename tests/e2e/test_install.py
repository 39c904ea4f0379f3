"""On a fresh machine: a clone and `scripts/up`; the Dockerfile's steps, in a folder and an environment of their own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.running import environment, free_port

ROOT = Path(__file__).parents[2]
MAX_BASE_BYTES = 1_400_000_000


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a newcomer has: the committed files and the ones that are about to be."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@contextmanager
def running(command: list[str], folder: Path, variables: dict[str, str], url: str) -> Iterator[str]:
    """Run a server until the block ends; the block gets the text of /health once it answers."""
    log = folder.parent / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        end = time.monotonic() + 240
        while True:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            try:
                if httpx.get(f"{url}/health/ready", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        yield log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def test_a_clone_is_up_by_one_command_and_its_environment_is_small(clone: Path) -> None:
    port = free_port()
    variables = environment(clone.parent / "home", PORT=str(port), PYTHON=sys.executable)

    with running(
        [str(clone / "scripts" / "up"), "--users", "20", "--days", "5"], clone, variables, f"http://127.0.0.1:{port}"
    ):
        health = httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).json()
        listed = httpx.post(
            f"http://127.0.0.1:{port}/api/ml/recommendations", json={"user_id": "user-123", "limit": 3}, timeout=10
        ).json()

    assert health["status"] == "healthy"
    assert len(listed["recommendations"]) == 3
    installed = sum(path.lstat().st_size for path in (clone / ".venv").rglob("*") if not path.is_symlink())
    assert installed < MAX_BASE_BYTES
    packages = {path.name for path in (clone / ".venv" / "lib" / "python3.11" / "site-packages").iterdir()}
    assert "mlflow" in packages
    assert not packages & {"torch", "nvidia", "tensorflow"}


def test_a_missing_python_is_said_clearly(clone: Path) -> None:
    bare = clone.parent / "bin"
    bare.mkdir()
    for tool in ("sh", "dirname", "basename", "git"):
        (bare / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is not on this machine"))

    refused = subprocess.run(
        ["sh", str(clone / "scripts" / "up")],
        env={"PATH": str(bare), "VENV": str(clone.parent / "no-venv")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert refused.returncode == 1
    assert "Python 3.11 is needed" in refused.stderr


def test_the_steps_of_the_dockerfile_give_a_service(clone: Path, tmp_path: Path) -> None:
    """No Docker engine is at hand: the file is read, and its COPY, pip and CMD lines are performed."""
    dockerfile = (clone / "Dockerfile").read_text().replace("\\\n", " ")
    copies = [line.split()[1:] for line in re.findall(r"^COPY (?!--from).*$", dockerfile, re.M)]
    command = re.search(r"^CMD \[(.*)\]$", dockerfile, re.M)
    assert command is not None
    assert "python:3.11-slim" in dockerfile and "USER quikapp" in dockerfile and "HEALTHCHECK" in dockerfile
    packages, app = tmp_path / "venv", tmp_path / "app"
    app.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(packages)], check=True)
    subprocess.run(
        [str(packages / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "-r", str(clone / "requirements.txt")],
        check=True,
    )  # fmt: skip
    for *sources, _target in copies[1:]:  # the first is requirements.txt, installed above
        for source in sources:
            found = clone / source
            shutil.copytree(found, app / source) if found.is_dir() else shutil.copy(found, app / source)
    port = free_port()
    words = [word.strip('" ') for word in command.group(1).split(",")]
    words = [str(packages / "bin" / words[0]), *words[1:-1], str(port)]
    variables = environment(tmp_path / "home", PATH=f"{packages / 'bin'}:{os.environ['PATH']}")
    variables.pop("PORT")

    with running(words, app, variables, f"http://127.0.0.1:{port}"):
        health = httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).json()

    assert health["status"] == "healthy"
    assert health["models_loaded"] == 3
