"""Jobs that clients have made; those of the bundle live in its files."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class JobDefinition:
    """One job as it was asked for."""

    job_id: int
    settings: Mapping[str, Any]
    """As Databricks' JobSettings: name, tasks, parameters, schedule."""
    creator: str
    created_at: datetime
    is_one_time: bool = False
    """Made for one run, which was submitted without a job; it is kept to repair that run."""


class JobDefinitions(ABC):
    """Jobs by id. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, definition: JobDefinition) -> None:
        """Keep a new job. Raises AlreadyExists when the id is taken."""

    @abstractmethod
    def get(self, job_id: int) -> JobDefinition:
        """One job. Raises NotFound without it."""

    @abstractmethod
    def all(self) -> list[JobDefinition]:
        """All jobs, newest first."""

    @abstractmethod
    def change(self, job_id: int, settings: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JobDefinition:
        """Replace a job's settings by what is made of them, in one step. Raises NotFound without the job."""

    @abstractmethod
    def delete(self, job_id: int) -> None:
        """Forget a job. Raises NotFound without it."""
