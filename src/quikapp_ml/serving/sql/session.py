"""Where a statement is asked: by whom, and which catalog and schema its names are in."""

from dataclasses import dataclass

from quikapp_ml.serving.catalog.rules import Kind, Securable
from quikapp_ml.serving.sql.errors import SqlError

_PARTS = {Kind.CATALOG: 1, Kind.SCHEMA: 2}


@dataclass(frozen=True)
class SqlSession:
    """The names of the current catalog and schema."""

    catalog: str
    schema: str = "default"

    def securable(self, kind: Kind, parts: tuple[str, ...]) -> Securable:
        """The securable that a name of one to three parts means here. Raises SqlError for more."""
        if kind is Kind.METASTORE:
            return Securable(kind)
        wanted = _PARTS.get(kind, 3)
        if len(parts) > wanted:
            raise SqlError("REQUIRES_SINGLE_PART_NAMESPACE", f"{'.'.join(parts)!r} has too many parts.", "42K05")
        around = (self.catalog, self.schema)[: wanted - len(parts)]
        return Securable(kind, ".".join((*around, *parts)))
