from pathlib import Path

import pytest

from quikapp_ml.cli.documents import read_yaml, write_page
from quikapp_ml.errors import InvalidInput, NotFound


def test_what_a_file_says(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("name: lists\nshares: [1, 5]\n", encoding="utf-8")
    assert read_yaml(file) == {"name": "lists", "shares": [1, 5]}


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xfe\xff"])
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"spec\.yaml is no YAML"):
        read_yaml(file)


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml cannot be read"):
        read_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(InvalidInput, match=r"page\.html cannot be written.*another --out"):
        write_page(tmp_path / "no folder" / "page.html", "")
