"""Digests of a version's files: what was registered is loaded, and nothing else."""

from pathlib import Path

import pytest

from quikapp_ml.errors import Conflict, Damaged
from quikapp_ml.stores.registry.version_files import check_files, note_files, unfinished_mark


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "version"
    (folder / "artifacts" / "model").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "artifacts" / "model" / "code.py").write_text("good")
    return folder


def test_the_same_files_pass_as_a_whole_and_in_part(folder: Path) -> None:
    check_files(folder, "", folder)  # of an older version nothing is known
    note_files(folder)
    check_files(folder, "", folder)
    check_files(folder, "/artifacts/model", folder / "artifacts" / "model")


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_others_do_not(folder: Path, change: str) -> None:
    note_files(folder)
    part = folder / "artifacts" / "model"
    if change == "removed":
        (part / "code.py").unlink()
    else:
        (part / ("code.py" if change == "changed" else "more.py")).write_text("bad")
    note_files(folder)  # what was written down stays
    for name, place in (("", folder), ("artifacts/model/", part)):
        with pytest.raises(Damaged, match="not the file that was registered"):
            check_files(folder, name, place)


def test_a_version_may_be_one_file(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"good")
    note_files(file)
    check_files(file, "", file)
    file.write_bytes(b"bad")
    with pytest.raises(Damaged):
        check_files(file, "", file)


def test_an_unfinished_version_is_not_loaded(folder: Path) -> None:
    unfinished_mark(folder).touch()
    with pytest.raises(Conflict, match="still on their way"):
        check_files(folder, "", folder)


def test_digests_that_cannot_be_read_are_damage(folder: Path) -> None:
    note_files(folder)
    next(folder.parent.glob("*.files.json")).write_text("[")
    with pytest.raises(Damaged, match="cannot be read"):
        check_files(folder, "", folder)
