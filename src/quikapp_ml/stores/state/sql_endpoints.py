"""Serving endpoints in the SQL database: a row each, with its configuration as a JSON document."""

from dataclasses import replace

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from quikapp_ml.errors import AlreadyExists, Conflict, Damaged, NotFound
from quikapp_ml.stores.state.database import METADATA, reading, transaction
from quikapp_ml.stores.state.endpoints import EndpointRecord, EndpointRecords

_endpoints = sa.Table(
    "serving_endpoints",
    METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("endpoint_id", sa.String(64), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)

_DOCUMENT = TypeAdapter(EndpointRecord)


class SqlEndpointRecords(EndpointRecords):
    """Endpoints in a table; a change is one statement that names the revision it was made from."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, record: EndpointRecord) -> None:
        """Insert it."""
        with transaction(self._engine) as connection:
            if _found(connection, record.name) is not None:
                raise AlreadyExists(f"there is a serving endpoint {record.name!r} already")
            connection.execute(_endpoints.insert().values(**_row(record)))

    def get(self, name: str) -> EndpointRecord:
        """One row."""
        with reading(self._engine) as connection:
            document = _found(connection, name)
        if document is None:
            raise NotFound(f"there is no serving endpoint {name!r}")
        return _record(name, document)

    def all(self) -> list[EndpointRecord]:
        """By name."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_endpoints).order_by(_endpoints.c.name)).mappings().all()
        return [_record(row["name"], row["document"]) for row in rows]

    def replace(self, record: EndpointRecord) -> EndpointRecord:
        """Update the row if it still is the one that was read."""
        changed = replace(record, revision=record.revision + 1)
        columns = _endpoints.c
        as_read = (
            (columns.name == record.name)
            & (columns.revision == record.revision)
            & (columns.endpoint_id == record.endpoint_id)
        )
        with transaction(self._engine) as connection:
            if not connection.execute(_endpoints.update().where(as_read).values(**_row(changed))).rowcount:
                if _found(connection, record.name) is None:
                    raise NotFound(f"there is no serving endpoint {record.name!r}")
                raise Conflict(f"serving endpoint {record.name!r} was changed by somebody else at the same time")
        return changed

    def delete(self, name: str) -> None:
        """Delete the row."""
        with transaction(self._engine) as connection:
            if not connection.execute(_endpoints.delete().where(_endpoints.c.name == name)).rowcount:
                raise NotFound(f"there is no serving endpoint {name!r}")


def _found(connection: sa.Connection, name: str) -> str | None:
    return connection.execute(sa.select(_endpoints.c.document).where(_endpoints.c.name == name)).scalar_one_or_none()


def _row(record: EndpointRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "endpoint_id": record.endpoint_id,
        "revision": record.revision,
        "document": _DOCUMENT.dump_json(record).decode(),
    }


def _record(name: str, document: str) -> EndpointRecord:
    try:
        return _DOCUMENT.validate_json(document)
    except ValidationError as error:
        raise Damaged(f"the stored serving endpoint {name!r} cannot be read: {error}") from error
