"""Small bundles to read."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

TOP = """\
bundle:
  name: small
include:
  - resources/*.yml
variables:
  place:
    default: here
targets:
  local:
    default: true
  prod:
    variables:
      place: there
"""

WriteBundle = Callable[..., Path]


@pytest.fixture
def write_bundle(tmp_path: Path) -> WriteBundle:
    """A bundle of one job whose body is given; notebooks `a.py`, `b.py` and `c.py` are there."""

    def write(job: str, top: str = TOP, resources: str | None = None) -> Path:
        notebooks = tmp_path / "notebooks"
        for folder in (notebooks, tmp_path / "resources"):
            folder.mkdir(exist_ok=True)
        for name in "abc":
            (notebooks / f"{name}.py").write_text("# Databricks notebook source\n")
        indented = "".join(f"      {line}\n" for line in dedent(job).splitlines())
        text = resources or f"resources:\n  jobs:\n    nightly:\n{indented}"
        (tmp_path / "resources" / "nightly.yml").write_text(text)
        (tmp_path / "databricks.yml").write_text(top)
        return tmp_path / "databricks.yml"

    return write
