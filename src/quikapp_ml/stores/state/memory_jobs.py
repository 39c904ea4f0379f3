"""Jobs of clients in memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.jobs import JobDefinition, JobDefinitions


class MemoryJobDefinitions(JobDefinitions):
    """Jobs in a dictionary."""

    def __init__(self) -> None:
        self._definitions: dict[int, JobDefinition] = {}

    def add(self, definition: JobDefinition) -> None:
        """Keep it."""
        if definition.job_id in self._definitions:
            raise AlreadyExists(f"there is a job {definition.job_id} already")
        self._definitions[definition.job_id] = definition

    def get(self, job_id: int) -> JobDefinition:
        """As kept."""
        if job_id not in self._definitions:
            raise NotFound(f"there is no job {job_id}")
        return self._definitions[job_id]

    def all(self) -> list[JobDefinition]:
        """By time and id, newest first."""
        return sorted(self._definitions.values(), key=lambda each: (each.created_at, each.job_id), reverse=True)

    def change(self, job_id: int, settings: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JobDefinition:
        """Keep the changed one."""
        definition = self.get(job_id)
        self._definitions[job_id] = changed = replace(definition, settings=settings(definition.settings))
        return changed

    def delete(self, job_id: int) -> None:
        """Drop it."""
        self.get(job_id)
        del self._definitions[job_id]
