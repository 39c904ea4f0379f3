"""The sample's texts as they lie beside this file: sections `[topic/mood]`, one template or some words a line."""

from importlib.resources import files


def read_lines(name: str) -> dict[str, tuple[str, ...]]:
    """The lines of each section of a text file of this package, in the order of the file."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in files(__package__ or "").joinpath(name).read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and " " not in line:
            lines = sections.setdefault(line[1:-1], [])
        elif line:
            lines.append(line)
    return {section: tuple(lines) for section, lines in sections.items()}


def read_words(name: str) -> dict[str, tuple[str, ...]]:
    """The words of each section, which are separated by a comma and a space."""
    return {
        section: tuple(w for line in lines for w in line.split(", ")) for section, lines in read_lines(name).items()
    }
