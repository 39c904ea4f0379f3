"""All jobs that can run here: those of the bundle, and those that clients have made, by one kind of id."""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quikapp_ml.errors import Conflict, NotFound
from quikapp_ml.stores.state.jobs import JobDefinition, JobDefinitions
from quikapp_ml.workflows.bundle import Bundle, Job, Schedule, read_job
from quikapp_ml.workflows.schedule import quartz_to_next

_ID_BYTES = 6
"""Ids stay below 2^53: JavaScript and JSON tools read them whole."""

_MADE = re.compile(r"job-(\d{1,18})")


@dataclass(frozen=True)
class JobEntry:
    """A job and where it comes from."""

    job_id: int
    job: Job
    creator: str
    created_at: datetime
    is_deployed: bool = False
    """It is of the bundle, and changed there."""
    is_one_time: bool = False


class JobCatalog:
    """Jobs by key and by id. Keys of the bundle's jobs are their names in it; those of clients are made from the id."""

    def __init__(self, bundle: Bundle, definitions: JobDefinitions) -> None:
        self._bundle = bundle
        self._definitions = definitions
        self._deployed = {job_id_of(key): job for key, job in bundle.jobs.items()}

    def job(self, key: str) -> Job:
        """One job by its key. Raises NotFound without it."""
        return self.entry(job_id_of(key)).job if _MADE.fullmatch(key) else self._bundle.job(key)

    def entry(self, job_id: int) -> JobEntry:
        """One job by its id. Raises NotFound without it."""
        if job_id in self._deployed:
            return self._of_bundle(job_id)
        return self._made(self._definitions.get(job_id))

    def entries(self) -> list[JobEntry]:
        """All jobs but those of one run: of clients, newest first, then of the bundle."""
        made = [self._made(each) for each in self._definitions.all() if not each.is_one_time]
        return made + [self._of_bundle(job_id) for job_id in self._deployed]

    def schedules(self) -> dict[str, Schedule]:
        """When jobs run by themselves, by key; paused ones are left out."""
        schedules = {entry.job.key: entry.job.schedule for entry in self.entries()}
        return {key: schedule for key, schedule in schedules.items() if schedule and not schedule.is_paused}

    def create(self, settings: Mapping[str, Any], creator: str, is_one_time: bool = False) -> JobEntry:
        """Keep a client's job. Raises InvalidInput for what cannot run here."""
        job_id = int.from_bytes(secrets.token_bytes(_ID_BYTES)) or 1
        self._check(job_id, settings)
        definition = JobDefinition(job_id, dict(settings), creator, datetime.now(UTC), is_one_time)
        self._definitions.add(definition)
        return self._made(definition)

    def change(self, job_id: int, changed: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JobEntry:
        """Give a client's job other settings. Raises Conflict for the bundle's, InvalidInput for what cannot run."""
        self._refuse_deployed(job_id)

        def checked(settings: Mapping[str, Any]) -> Mapping[str, Any]:
            new = changed(settings)
            self._check(job_id, new)
            return new

        return self._made(self._definitions.change(job_id, checked))

    def delete(self, job_id: int) -> None:
        """Forget a client's job; its runs are still known. Raises Conflict for the bundle's."""
        self._refuse_deployed(job_id)
        self._definitions.delete(job_id)

    def _check(self, job_id: int, settings: Mapping[str, Any]) -> None:
        schedule = read_job(self._bundle, _key(job_id), settings).schedule
        if schedule:
            quartz_to_next(schedule.quartz, schedule.timezone, datetime.now(UTC))

    def _refuse_deployed(self, job_id: int) -> None:
        if job_id in self._deployed:
            key = self._deployed[job_id].key
            raise Conflict(f"job {key!r} is deployed from {self._bundle.file.name}: change it there, and deploy again")

    def _of_bundle(self, job_id: int) -> JobEntry:
        deployed_at = datetime.fromtimestamp(self._bundle.file.stat().st_mtime, UTC)
        return JobEntry(job_id, self._deployed[job_id], self._bundle.name, deployed_at, is_deployed=True)

    def _made(self, definition: JobDefinition) -> JobEntry:
        job = read_job(self._bundle, _key(definition.job_id), definition.settings)
        return JobEntry(
            definition.job_id, job, definition.creator, definition.created_at, is_one_time=definition.is_one_time
        )


def job_id_of(key: str) -> int:
    """The id of the job with this key; a bundle's job has the same one in every process and home."""
    made = _MADE.fullmatch(key)
    return int(made[1]) if made else int.from_bytes(hashlib.sha256(key.encode()).digest()[:_ID_BYTES])


def entry_or_none(catalog: JobCatalog, job_id: int) -> JobEntry | None:
    """One job, or nothing when it was deleted."""
    try:
        return catalog.entry(job_id)
    except NotFound:
        return None


def _key(job_id: int) -> str:
    return f"job-{job_id}"
