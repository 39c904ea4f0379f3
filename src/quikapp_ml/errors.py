"""The errors of the service. They know no HTTP: `api/errors.py` maps each class to a status.

QuikAppMLError
├── InvalidInput        what was given cannot be used; `problems` name each field
├── NotFound            a named thing does not exist
├── Conflict            the thing is in a state that refuses this
│   ├── AlreadyExists   a thing of this name is there
│   └── HomeInUse       another process owns this home
├── PermissionDenied    the caller may not do this
├── FeatureDisabled     it exists elsewhere, and cannot be done here; the message says why
├── Unavailable         try again later; `retry_after_seconds` says when
│   ├── Overloaded      more work is waiting than can be done in time
│   └── StorageFailed   a disk or store does not take what it was given
├── Damaged             stored bytes are not what was written
└── JobFailed           a task of a workflow, or a step of a job, did not end well
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where, what was given, what is allowed."""

    path: str
    code: str
    message: str
    given: str | None = None
    allowed: str | None = None


class QuikAppMLError(Exception):
    """Base of every error that the service raises on purpose. Its message may be shown to a client."""

    code = "internal"


class InvalidInput(QuikAppMLError):
    """What was given cannot be used."""

    code = "invalid_input"

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class NotFound(QuikAppMLError):
    """A named thing does not exist, or the caller may not know that it does."""

    code = "not_found"


class Conflict(QuikAppMLError):
    """The thing exists, and its state refuses what was asked."""

    code = "conflict"


class AlreadyExists(Conflict):
    """A thing of this name is there already."""

    code = "already_exists"


class HomeInUse(Conflict):
    """Another process owns this home."""

    code = "home_in_use"


class PermissionDenied(QuikAppMLError):
    """The caller is known, and may not do this."""

    code = "permission_denied"


class FeatureDisabled(QuikAppMLError):
    """Databricks has this, and this installation cannot do it; the message says why."""

    code = "feature_disabled"


class Unavailable(QuikAppMLError):
    """The service cannot do this now; the same request may succeed later."""

    code = "unavailable"

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Overloaded(Unavailable):
    """More work is waiting than can be done in time."""

    code = "overloaded"


class StorageFailed(Unavailable):
    """A disk or a store did not take what it was given; nothing of it was acknowledged."""

    code = "storage_failed"


class Damaged(QuikAppMLError):
    """Stored bytes are not what was written: they are kept aside, never used."""

    code = "damaged"


class JobFailed(QuikAppMLError):
    """A task of a workflow, or a step of a job, did not end well."""

    code = "job_failed"
