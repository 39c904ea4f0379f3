"""What the files of a registered version were when it was registered, written down beside their folder.

So what is loaded is what was registered, whoever reached the folder since.
"""

import hashlib
import json
from pathlib import Path

from quikapp_ml.errors import Conflict, Damaged
from quikapp_ml.stores.files import write_whole


def unfinished_mark(folder: Path) -> Path:
    """The file that is there while the files of a version are still on their way."""
    return folder.with_name(f"{folder.name}.unfinished")


def note_files(folder: Path) -> None:
    """Write down the digests of all files of a version; once they are, they stay."""
    note = _note(folder)
    if not note.exists():
        write_whole(note, json.dumps(_digests(folder), sort_keys=True).encode())


def check_files(folder: Path, part: str, fetched: Path) -> None:
    """Hold what was fetched of a version, or of a part of it, to what was registered; older ones have no digests.

    Raises Conflict while the version is not finished, Damaged when files are others than they were.
    """
    if unfinished_mark(folder).exists():
        raise Conflict("this version is not finished: its files are still on their way")
    note = _note(folder)
    if not note.is_file():
        return
    inside = f"{part.strip('/')}/" if part.strip("/") else ""
    registered = {name.removeprefix(inside): it for name, it in _read(note).items() if name.startswith(inside)}
    found = _digests(fetched)
    changed = sorted(name for name in {*registered, *found} if registered.get(name) != found.get(name))
    if changed:
        raise Damaged(f"{changed[0][:200]!r} is not the file that was registered with this version; it is not loaded")


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.files.json")


def _read(note: Path) -> dict[str, str]:
    try:
        return {str(name): str(digest) for name, digest in json.loads(note.read_bytes()).items()}
    except (ValueError, AttributeError) as error:
        raise Damaged(f"the digests of a version's files cannot be read: {note.name}") from error


def _digests(place: Path) -> dict[str, str]:
    """SHA-256 of a file, or of all files in a folder, by their paths in it."""
    files = [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.is_file())
    found = {}
    for file in files:
        with file.open("rb") as stream:
            found[file.relative_to(place).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found
