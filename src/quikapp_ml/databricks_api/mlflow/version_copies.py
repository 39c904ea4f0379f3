"""Files that a registered version has of its own: a copy of what a run had at that moment, and where it came from."""

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from quikapp_ml.stores.files import sync_path

_UNFINISHED = ".copy-"


def copy(source: Path, into: Path, shown: str) -> Path:
    """A copy of a folder or file, whole or not at all, that nobody is told a way to change; empty of nothing.

    `shown` is how clients name the source. Links are left out: they may lead to files that are nobody's to read.
    """
    into.mkdir(parents=True, exist_ok=True)
    name = uuid4().hex
    unfinished, copied = into / f"{_UNFINISHED}{name}", into / name
    try:
        _copy_files(source, unfinished)
        _note(copied).write_text(shown, encoding="utf-8")
        unfinished.replace(copied)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        _note(copied).unlink(missing_ok=True)
        raise
    sync_path(into)
    return copied


def copied_from(folder: Path) -> str:
    """How clients name what this is a copy of; empty for what is none."""
    note = _note(folder)
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def remove(copied: Path) -> None:
    """Delete the files of a version, and what is written down beside them."""
    if copied.is_dir():
        shutil.rmtree(copied, ignore_errors=True)
    for each in (copied, *copied.parent.glob(f"{copied.name}.*")):
        with suppress(OSError):
            each.unlink()


def _copy_files(source: Path, to: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, to)
    elif source.is_dir():
        shutil.copytree(source, to, ignore=_links)
    else:
        to.mkdir()
    for file in [to, *to.rglob("*")]:
        sync_path(file)


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.source")
