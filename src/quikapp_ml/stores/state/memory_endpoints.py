"""Serving endpoints in memory."""

from dataclasses import replace

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.endpoints import EndpointRecord, EndpointRecords


class MemoryEndpointRecords(EndpointRecords):
    """Endpoints in a dictionary."""

    def __init__(self) -> None:
        self._records: dict[str, EndpointRecord] = {}

    def create(self, record: EndpointRecord) -> None:
        """Keep it."""
        if record.name in self._records:
            raise AlreadyExists(f"there is a serving endpoint {record.name!r} already")
        self._records[record.name] = record

    def get(self, name: str) -> EndpointRecord:
        """As kept."""
        if name not in self._records:
            raise NotFound(f"there is no serving endpoint {name!r}")
        return self._records[name]

    def all(self) -> list[EndpointRecord]:
        """By name."""
        return [record for _, record in sorted(self._records.items())]

    def replace(self, record: EndpointRecord) -> EndpointRecord:
        """Keep the new one in the place of the one it was made from."""
        stored = self.get(record.name)
        if (stored.revision, stored.endpoint_id) != (record.revision, record.endpoint_id):
            raise Conflict(f"serving endpoint {record.name!r} was changed by somebody else at the same time")
        self._records[record.name] = changed = replace(record, revision=record.revision + 1)
        return changed

    def delete(self, name: str) -> None:
        """Drop it."""
        if self._records.pop(name, None) is None:
            raise NotFound(f"there is no serving endpoint {name!r}")
