"""What the SQL of all silver tables says of events alike: their open fields, and their types."""

from collections.abc import Sequence


def attribute(name: str) -> str:
    """A field without a column of its own, as a text."""
    return f"get_json_object(attributes, '$.{name}')"


def is_set(name: str) -> str:
    """Whether such a field is true."""
    return f"COALESCE({attribute(name)} = 'true', false)"


def of_types(types: Sequence[str]) -> str:
    """A condition: one of these types of events."""
    return "type IN ({})".format(", ".join(f"'{one}'" for one in types))
