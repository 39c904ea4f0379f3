"""Every table of the lakehouse, declared once: bronze as it came, silver cleaned, features and labels for models."""

import pyarrow as pa

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.constraints import given

CATALOG = "quikapp_ml"

OWNER = "ml-platform"
"""The group that answers for the tables declared here."""

TIME = pa.timestamp("us", tz="UTC")
"""Type of every time in a table."""

_TEXT = pa.string()


def _columns(**types: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in types.items()])


EVENTS = Table(
    name=f"{CATALOG}.bronze.events",
    columns=_columns(
        event_id=_TEXT, type=_TEXT, event_time=TIME, ingest_time=TIME, user_id=_TEXT, channel_id=_TEXT,
        message_id=_TEXT, thread_id=_TEXT, target_user_id=_TEXT, content=_TEXT, attributes=_TEXT,
    ),
    key=("event_id",),
    comment="Every accepted event, once. `event_time` is when it happened, `ingest_time` when it was learnt of; "
    "fields without a column of their own are JSON in `attributes`.",
    constraints=given("event_id", "type", "event_time", "ingest_time"),
    owner=OWNER,
)  # fmt: skip

DECISIONS = Table(
    name=f"{CATALOG}.bronze.decisions",
    columns=_columns(
        decision_id=_TEXT, kind=_TEXT, decided_at=TIME, user_id=_TEXT, model_name=_TEXT, model_version=_TEXT,
        model_number=pa.int64(), degraded=pa.bool_(), experiment=_TEXT, variant=_TEXT, propensity=pa.float64(),
        request=_TEXT, features=_TEXT, answer=_TEXT, latency_ms=pa.float64(),
        model_alias=_TEXT, policy_version=_TEXT, endpoint=_TEXT, inputs=_TEXT, request_hash=_TEXT,
        features_from=_TEXT, candidates=_TEXT, assignment=_TEXT, unit=_TEXT, asked_by=_TEXT,
    ),
    key=("decision_id",),
    comment="Every answer: for whom, who asked, which model answered, from which candidates and features, with what "
    "result (JSON texts), and how long it took. IP addresses are keyed hashes.",
    constraints=given("decision_id", "kind", "decided_at"),
    owner=OWNER,
)  # fmt: skip

FEEDBACK = Table(
    name=f"{CATALOG}.bronze.feedback",
    columns=_columns(
        feedback_id=_TEXT, decision_id=_TEXT, received_at=TIME, user_id=_TEXT, item_id=_TEXT, action=_TEXT,
        value=pa.float64(), comment=_TEXT,
    ),
    key=("feedback_id",),
    comment="What people did with an answer; joins `decisions` by `decision_id`.",
    constraints=given("feedback_id", "decision_id", "received_at", "action"),
    owner=OWNER,
)  # fmt: skip

MESSAGES = Table(
    name=f"{CATALOG}.silver.messages",
    columns=_columns(
        message_id=_TEXT, channel_id=_TEXT, user_id=_TEXT, thread_id=_TEXT, posted_at=TIME, content=_TEXT,
        is_bot=pa.bool_(), is_deleted=pa.bool_(), edited_at=TIME, n_reactions=pa.int64(), n_replies=pa.int64(),
        n_reports=pa.int64(), spam_reported_at=TIME, mood=_TEXT, mood_at=TIME, week=pa.date32(),
    ),
    key=("channel_id", "message_id"),
    comment="Messages as they are now: the newest text, and how others reacted.",
    partition_by=("week",),
    constraints=given("channel_id", "message_id")
    | {"counts_from_zero": "n_reactions >= 0 AND n_replies >= 0 AND n_reports >= 0"},
    owner=OWNER,
)  # fmt: skip

ACTIVITIES = Table(
    name=f"{CATALOG}.silver.activities",
    columns=_columns(
        event_id=_TEXT, event_time=TIME, ingest_time=TIME, kind=_TEXT, user_id=_TEXT, channel_id=_TEXT,
        message_id=_TEXT, other_user_id=_TEXT, value=pa.float64(), other_ingest_time=TIME, week=pa.date32(),
    ),
    key=("event_id", "kind", "other_user_id"),
    comment="Who did what, where, and towards whom: one row for each thing that feature views count.",
    partition_by=("week",),
    constraints=given("event_id", "kind"),
    owner=OWNER,
)  # fmt: skip


def _history(name: str, comment: str, key: tuple[str, ...], /, **values: pa.DataType) -> Table:
    """A silver table of what held from when until when; `key` names the thing that it is told of."""
    clocks = {"valid_from": TIME, "valid_to": TIME, "is_current": pa.bool_(), "known_at": TIME, "week": pa.date32()}
    return Table(
        f"{CATALOG}.silver.{name}",
        _columns(**dict.fromkeys(key, _TEXT), **values, **clocks),
        (*key, "valid_from"),
        comment,
        partition_by=("week",),
        constraints=given(*key, "valid_from", "is_current", "known_at")
        | {"current_or_ended": "(is_current AND valid_to IS NULL) OR (NOT is_current AND valid_to > valid_from)"},
        owner=OWNER,
    )


MEMBERSHIPS = _history(
    "memberships",
    "Who was a member of which channel from when until when, and by which event.",
    ("channel_id", "user_id"), is_member=pa.bool_(), event_type=_TEXT,
)  # fmt: skip

REACTIONS = _history(
    "reactions",
    "Which emoji somebody put on a message, and took off again.",
    ("channel_id", "message_id", "user_id", "reaction"), removed=pa.bool_(),
)  # fmt: skip

READS = _history(
    "reads",
    "When somebody read a channel, and up to which message.",
    ("channel_id", "user_id"), message_id=_TEXT,
)  # fmt: skip

REPORTS = _history(
    "reports",
    "Who reported a message to the moderators, and why.",
    ("channel_id", "message_id", "user_id"), reason=_TEXT,
)  # fmt: skip

CHANNELS = _history(
    "channels",
    "What a channel was called and about, and who might look into it.",
    ("channel_id",), name=_TEXT, topic=_TEXT, is_private=pa.bool_(), is_archived=pa.bool_(), creator_id=_TEXT,
    created_at=TIME,
)  # fmt: skip

USERS = _history(
    "users",
    "What the chat knew of a person: name, team, title, role, and whether it is a bot, or gone.",
    ("user_id",), name=_TEXT, team=_TEXT, title=_TEXT, role=_TEXT, is_bot=pa.bool_(), is_deleted=pa.bool_(),
)  # fmt: skip

SPAM_LABELS = Table(
    name=f"{CATALOG}.ml.spam_labels",
    columns=_columns(message_id=_TEXT, channel_id=_TEXT, content=_TEXT, label=_TEXT, source=_TEXT, labelled_at=TIME),
    key=("channel_id", "message_id"),
    comment="`spam` where people reported a message as spam, `ham` for ordinary messages that nobody reported.",
    constraints=given("channel_id", "message_id"),
    owner=OWNER,
)

SENTIMENT_LABELS = Table(
    name=f"{CATALOG}.ml.sentiment_labels",
    columns=_columns(message_id=_TEXT, channel_id=_TEXT, content=_TEXT, label=_TEXT, source=_TEXT, labelled_at=TIME),
    key=("channel_id", "message_id"),
    comment="negative, neutral or positive, read off the reactions that others put on a message.",
    constraints=given("channel_id", "message_id"),
    owner=OWNER,
)

PROMOTIONS = Table(
    name=f"{CATALOG}.ml.promotions",
    columns=_columns(
        model_name=_TEXT, candidate=pa.int64(), champion=pa.int64(), metric=_TEXT, candidate_value=pa.float64(),
        champion_value=pa.float64(), promoted=pa.bool_(), reason=_TEXT, decided_at=TIME,
    ),
    key=("model_name", "candidate"),
    comment="What the gate decided about each trained version, and why.",
    constraints=given("model_name", "candidate", "decided_at"),
    owner=OWNER,
)  # fmt: skip

AUDIT = Table(
    name=f"{CATALOG}.access.audit",
    columns=_columns(
        version=_TEXT, event_time=TIME, event_date=pa.date32(), workspace_id=pa.int64(), source_ip_address=_TEXT,
        user_agent=_TEXT, session_id=_TEXT,
        user_identity=pa.struct([("email", _TEXT), ("subject_name", _TEXT)]),
        service_name=_TEXT, action_name=_TEXT, request_id=_TEXT, request_params=pa.map_(_TEXT, _TEXT),
        response=pa.struct([("status_code", pa.int32()), ("error_message", _TEXT), ("result", _TEXT)]),
        audit_level=_TEXT, account_id=_TEXT, event_id=_TEXT,
    ),
    key=("event_id",),
    comment="Every change that was asked for, by whom, and how it ended; the columns of Databricks' "
    "`system.access.audit`. IP addresses are keyed hashes.",
    constraints=given("event_id", "event_time"),
    owner=OWNER,
)  # fmt: skip

_PAYLOAD_COLUMNS = _columns(
    databricks_request_id=_TEXT, client_request_id=_TEXT, date=pa.date32(), timestamp_ms=pa.int64(),
    status_code=pa.int32(), execution_time_ms=pa.int64(), request=_TEXT, response=_TEXT,
    sampling_fraction=pa.float64(), request_metadata=pa.map_(_TEXT, _TEXT),
)  # fmt: skip

TABLES = (
    EVENTS, DECISIONS, FEEDBACK, MESSAGES, ACTIVITIES, MEMBERSHIPS, REACTIONS, READS, REPORTS, CHANNELS, USERS,
    SPAM_LABELS, SENTIMENT_LABELS, PROMOTIONS, AUDIT,
)  # fmt: skip

_PAYLOAD_SUFFIX = "_payload"


def inference_table(name: str) -> Table | None:
    """The inference table of that name (`catalog.schema.prefix_payload`); None for a name of another form."""
    if name.count(".") != 2 or not name.startswith(f"{CATALOG}.") or not name.endswith(_PAYLOAD_SUFFIX):
        return None
    comment = "Requests of a serving endpoint and their answers, in the columns of Databricks' inference tables."
    key = ("databricks_request_id",)
    return Table(name, _PAYLOAD_COLUMNS, key, comment, constraints=given(*key), owner=OWNER)
