"""A strict reader of YAML: what is wrong is said with its file and its path, what is unknown is refused."""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quikapp_ml.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Node:
    """A value in a YAML file, and where it stands."""

    value: Any
    file: Path
    path: str = ""

    def problem(self, message: str) -> InvalidInput:
        """The error to raise about this value."""
        return InvalidInput(f"{self.file}: {self.path or 'top level'}: {message}")

    def mapping(self, known: Collection[str] | None = None) -> Mapping[str, "Node"]:
        """Its members by name; names that are not known are refused."""
        if not isinstance(self.value, dict):
            raise self.problem(f"a mapping is needed, given was {_shown(self.value)}")
        unknown = [name for name in self.value if known is not None and name not in known]
        if unknown:
            allowed = ", ".join(sorted(known or ()))
            raise self.problem(f"{', '.join(map(repr, unknown))} is not understood; known are {allowed}")
        prefix = f"{self.path}." if self.path else ""
        return {str(name): Node(value, self.file, f"{prefix}{name}") for name, value in self.value.items()}

    def required(self, name: str) -> "Node":
        """One member, which must be there."""
        members = self.mapping()
        if name not in members:
            raise self.problem(f"{name!r} is missing")
        return members[name]

    def items(self) -> Iterator["Node"]:
        """Its items, in order."""
        if not isinstance(self.value, list):
            raise self.problem(f"a list is needed, given was {_shown(self.value)}")
        return (Node(value, self.file, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def text(self) -> str:
        """A text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.problem(f"a text is needed, given was {_shown(self.value)}")
        return self.value

    def key(self) -> str:
        """A name that is also safe as the name of a file."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(self.value)):
            raise self.problem(f"letters, digits, - and _ are allowed (at most 100), given was {_shown(self.value)}")
        return str(self.value)

    def count(self) -> int:
        """A whole number, zero or more."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            raise self.problem(f"a whole number of at least 0 is needed, given was {_shown(self.value)}")
        return self.value

    def claim(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.problem(f"true or false is needed, given was {_shown(self.value)}")
        return self.value

    def scalar(self) -> str:
        """A text, number or truth value, as text."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if not isinstance(self.value, str | int | float):
            raise self.problem(f"one value is needed, given was {_shown(self.value)}")
        return str(self.value)

    def one_of(self, allowed: Collection[str]) -> str:
        """One of the texts allowed."""
        if self.value not in allowed:
            raise self.problem(f"given was {_shown(self.value)}, allowed is {' or '.join(sorted(allowed))}")
        return str(self.value)


def read_document(file: Path) -> Node:
    """The top of a YAML file. Raises NotFound without it and InvalidInput when it is no YAML."""
    try:
        with file.open(encoding="utf-8") as stream:
            return Node(yaml.load(stream, _StrictLoader), file)  # noqa: S506 a SafeLoader, see below
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as YAML: {error}") from None


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader keeps the last of two equal keys; this one refuses them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
