"""What can be wrong with a statement, by the names and SQLSTATEs of Databricks' error conditions.

References: https://docs.databricks.com/aws/en/error-messages/error-classes
"""

from quikapp_ml.errors import (
    AlreadyExists,
    Conflict,
    FeatureDisabled,
    InvalidInput,
    JobFailed,
    NotFound,
    PermissionDenied,
    QuikAppMLError,
    StorageFailed,
)

_CONDITIONS: tuple[tuple[type[QuikAppMLError], str, str], ...] = (
    (PermissionDenied, "INSUFFICIENT_PERMISSIONS", "42501"),
    (NotFound, "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    (AlreadyExists, "TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
    (Conflict, "SCHEMA_NOT_EMPTY", "2BP01"),
    (FeatureDisabled, "UNSUPPORTED_FEATURE", "0A000"),
    (InvalidInput, "INVALID_PARAMETER_VALUE", "22023"),
    (StorageFailed, "FAILED_READ_FILE", "KD001"),
    (JobFailed, "FAILED_EXECUTE", "58000"),
)


class SqlError(InvalidInput):
    """A statement that cannot be done: the name of the condition, what is wrong, the SQLSTATE."""

    def __init__(self, condition: str, message: str, sqlstate: str) -> None:
        super().__init__(f"[{condition}] {message} SQLSTATE: {sqlstate}")
        self.condition = condition
        self.sqlstate = sqlstate


def syntax_error(message: str) -> SqlError:
    """The text is no statement."""
    return SqlError("PARSE_SYNTAX_ERROR", message, "42601")


def unsupported(what: str, instead: str) -> SqlError:
    """Databricks has it, this service has not."""
    return SqlError("UNSUPPORTED_FEATURE", f"{what} is not available here: {instead}.", "0A000")


def in_sql_words(error: QuikAppMLError) -> SqlError:
    """An error of ours as a statement tells it."""
    if isinstance(error, SqlError):
        return error
    for kind, condition, sqlstate in _CONDITIONS:
        if isinstance(error, kind):
            return SqlError(condition, str(error), sqlstate)
    return SqlError("INTERNAL_ERROR", str(error), "XX000")
