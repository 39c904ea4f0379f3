"""Files that commands read and write."""

from pathlib import Path
from typing import Any

import yaml

from quikapp_ml.errors import InvalidInput, NotFound


def read_yaml(file: Path) -> Any:
    """What a YAML file says. Raises NotFound and InvalidInput, naming the file."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is no YAML: {error}") from error


def write_page(file: Path, page: str) -> None:
    """Write a page. Raises InvalidInput where that cannot be done."""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}; give another --out") from error
