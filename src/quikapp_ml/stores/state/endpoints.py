"""Serving endpoints as they are asked for: which model versions, which share of the traffic, who may do what."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ServedEntity:
    """One model version behind an endpoint."""

    name: str
    """Unique within its endpoint; what `served-model-name` says."""
    model: str
    version: int
    creator: str
    created_at: datetime
    scales_to_zero: bool = False
    sizing: Mapping[str, Any] = field(default_factory=dict)
    """`workload_size`, `workload_type` … as they were given: what Databricks would run it on."""


@dataclass(frozen=True)
class AutoCapture:
    """Where requests and answers are written down: table `catalog.schema.prefix_payload`."""

    catalog: str
    schema: str
    prefix: str
    enabled: bool = True

    @property
    def table(self) -> str:
        """Full name of the inference table."""
        return f"{self.catalog}.{self.schema}.{self.prefix}_payload"


@dataclass(frozen=True)
class EndpointConfig:
    """What an endpoint serves; a changed configuration is a new one with the next version."""

    version: int
    entities: tuple[ServedEntity, ...]
    shares: Mapping[str, int]
    """Percent of the traffic by name of the entity; together 100."""
    started_at: datetime
    auto_capture: AutoCapture | None = None

    def entity(self, name: str) -> ServedEntity | None:
        """The entity of that name."""
        return next((each for each in self.entities if each.name == name), None)


@dataclass(frozen=True)
class EndpointRecord:
    """One endpoint. `active` answers; `pending` is being loaded, or could not be (`failure` says why)."""

    name: str
    endpoint_id: str
    creator: str
    created_at: datetime
    updated_at: datetime
    active: EndpointConfig | None = None
    pending: EndpointConfig | None = None
    failure: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    grants: Mapping[str, str] = field(default_factory=dict)
    """Permission level by principal: `user:NAME`, `group:NAME` or `service_principal:NAME`."""
    revision: int = 1
    """Counts changes: who replaces a record must have seen the newest one."""


class EndpointRecords(ABC):
    """Endpoints by name. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def create(self, record: EndpointRecord) -> None:
        """Keep a new endpoint. Raises AlreadyExists when the name is taken."""

    @abstractmethod
    def get(self, name: str) -> EndpointRecord:
        """One endpoint. Raises NotFound without it."""

    @abstractmethod
    def all(self) -> list[EndpointRecord]:
        """All endpoints in the order of their names."""

    @abstractmethod
    def replace(self, record: EndpointRecord) -> EndpointRecord:
        """Change an endpoint and return it with its new revision.

        Raises Conflict when somebody else has changed it since the record was read, NotFound without it.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Forget an endpoint. Raises NotFound without it."""
