"""Records of moderation in the SQL database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.memory_moderation import changed_meanwhile, check_base, no_item
from quikapp_ml.stores.state.moderation import (
    Correction,
    Corrections,
    ModerationRecords,
    Policies,
    PolicyChange,
    PolicyScope,
    ReviewFilter,
    ReviewItem,
    Reviews,
    ReviewStatus,
)

_policies = sa.Table(
    "spam_policies",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("workspace", sa.String(255), nullable=False),
    sa.Column("channel", sa.String(255), nullable=False),
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("after", sa.JSON, nullable=False),
    sa.Column("by", sa.String(255), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

_reviews = sa.Table(
    "spam_reviews",
    METADATA,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    sa.Column("workspace", sa.String(255), nullable=False),
    sa.Column("channel", sa.String(255), nullable=False),
    sa.Column("user_id", sa.String(255), nullable=False, index=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("decided_at", UtcTime, nullable=False),
    sa.Column("campaign_id", sa.String(64), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("hosts", sa.JSON, nullable=False),
    sa.Column("reporters", sa.JSON, nullable=False),
    sa.Column("appeal", sa.Text, nullable=False),
    sa.Column("appealed_at", UtcTime),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("resolved_by", sa.String(255), nullable=False),
    sa.Column("resolved_at", UtcTime),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Index("spam_reviews_by_age", "status", "decided_at"),
)

_corrections = sa.Table(
    "spam_corrections",
    METADATA,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    sa.Column("by", sa.String(255), primary_key=True),
    sa.Column("correction_id", sa.String(64), nullable=False),
    sa.Column("campaign_id", sa.String(64), nullable=False),
    sa.Column("group", sa.String(64), nullable=False),
    sa.Column("is_spam", sa.Boolean, nullable=False),
    sa.Column("trust", sa.Float, nullable=False),
    sa.Column("is_moderator", sa.Boolean, nullable=False),
    sa.Column("author_id", sa.String(255), nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("hosts", sa.JSON, nullable=False),
)


class SqlPolicies(Policies):
    """A row a change."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(
        self,
        scope: PolicyScope,
        fields: Mapping[str, Any],
        by: str,
        at: datetime,
        *,
        comment: str = "",
        based_on: int | None = None,
    ) -> PolicyChange:
        """Insert it; the database counts."""
        with transaction(self._engine) as connection:
            newest = next(iter(_changes(connection, scope, 1)), None)
            check_base(scope, newest, based_on)
            row = {
                **vars(scope), "before": dict(newest.after) if newest else {}, "after": dict(fields), "by": by,
                "at": at, "comment": comment,
            }  # fmt: skip
            key = connection.execute(_policies.insert().values(**row)).inserted_primary_key
            return _change({**row, "version": key[0] if key else 0})

    def current(self) -> list[PolicyChange]:
        """The rows with the greatest version of their scope."""
        columns = _policies.c
        newest = sa.select(sa.func.max(columns.version)).group_by(columns.workspace, columns.channel)
        query = sa.select(_policies).where(columns.version.in_(newest)).order_by(columns.version)
        with reading(self._engine) as connection:
            return [_change(dict(row)) for row in connection.execute(query).mappings()]

    def history(self, scope: PolicyScope | None = None, limit: int = 100) -> list[PolicyChange]:
        """By version, the greatest first."""
        with reading(self._engine) as connection:
            return _changes(connection, scope, limit)


class SqlReviews(Reviews):
    """A row an item."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, items: Sequence[ReviewItem]) -> None:
        """Insert those that are not there."""
        if not items:
            return
        ids = [item.decision_id for item in items]
        there = sa.select(_reviews.c.decision_id).where(_reviews.c.decision_id.in_(ids))
        with transaction(self._engine) as connection:
            known = set(connection.execute(there).scalars())
            rows = {item.decision_id: _item_row(item) for item in items if item.decision_id not in known}
            if rows:
                connection.execute(_reviews.insert(), list(rows.values()))

    def get(self, decision_id: str) -> ReviewItem:
        """One row."""
        with reading(self._engine) as connection:
            found = _found(connection, decision_id)
        if found is None:
            raise no_item(decision_id)
        return found

    def replace(self, before: ReviewItem, after: ReviewItem) -> None:
        """Update the row if its status still is the one that was read."""
        as_read = (_reviews.c.decision_id == before.decision_id) & (_reviews.c.status == str(before.status))
        with transaction(self._engine) as connection:
            if not connection.execute(_reviews.update().where(as_read).values(**_item_row(after))).rowcount:
                found = _found(connection, before.decision_id)
                raise no_item(before.decision_id) if found is None else changed_meanwhile(before.decision_id)

    def find(self, wanted: ReviewFilter, limit: int) -> list[ReviewItem]:
        """By age."""
        columns = _reviews.c
        query = sa.select(_reviews).where(*_wanted(wanted)).order_by(columns.decided_at, columns.decision_id)
        with reading(self._engine) as connection:
            return [_item(row) for row in connection.execute(query.limit(limit)).mappings()]

    def count(self, wanted: ReviewFilter) -> int:
        """Count rows."""
        query = sa.select(sa.func.count()).select_from(_reviews).where(*_wanted(wanted))
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def forget(self, before: datetime, keep: int) -> int:
        """Delete them."""
        columns = _reviews.c
        newest = sa.select(columns.decision_id).order_by(columns.decided_at.desc(), columns.decision_id.desc())
        goes = (columns.decided_at < before) | columns.decision_id.not_in(newest.limit(keep))
        with transaction(self._engine) as connection:
            return int(connection.execute(_reviews.delete().where(goes)).rowcount)

    def erase(self, user_id: str) -> int:
        """Delete theirs."""
        with transaction(self._engine) as connection:
            return int(connection.execute(_reviews.delete().where(_reviews.c.user_id == user_id)).rowcount)


class SqlCorrections(Corrections):
    """A row a person and decision."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, correction: Correction) -> None:
        """Delete the earlier one and insert this one."""
        columns = _corrections.c
        same = (columns.decision_id == correction.decision_id) & (columns.by == correction.by)
        with transaction(self._engine) as connection:
            connection.execute(_corrections.delete().where(same))
            connection.execute(_corrections.insert().values(**{**vars(correction), "hosts": list(correction.hosts)}))

    def since(self, start: datetime, limit: int) -> list[Correction]:
        """The newest first, turned round."""
        columns = _corrections.c
        query = sa.select(_corrections).where(columns.at >= start)
        query = query.order_by(columns.at.desc(), columns.correction_id.desc()).limit(limit)
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Correction(**{**row, "hosts": tuple(row["hosts"])}) for row in reversed(rows)]

    def forget(self, before: datetime) -> int:
        """Delete them."""
        with transaction(self._engine) as connection:
            return int(connection.execute(_corrections.delete().where(_corrections.c.at < before)).rowcount)

    def erase(self, user_id: str) -> int:
        """Delete theirs."""
        theirs = (_corrections.c.by == user_id) | (_corrections.c.author_id == user_id)
        with transaction(self._engine) as connection:
            return int(connection.execute(_corrections.delete().where(theirs)).rowcount)


def sql_moderation(engine: sa.Engine) -> ModerationRecords:
    """The records of a database."""
    return ModerationRecords(SqlPolicies(engine), SqlReviews(engine), SqlCorrections(engine))


def _changes(connection: sa.Connection, scope: PolicyScope | None, limit: int) -> list[PolicyChange]:
    columns = _policies.c
    query = sa.select(_policies).order_by(columns.version.desc()).limit(limit)
    if scope is not None:
        query = query.where(columns.workspace == scope.workspace, columns.channel == scope.channel)
    return [_change(dict(row)) for row in connection.execute(query).mappings()]


def _change(row: dict[str, Any]) -> PolicyChange:
    return PolicyChange(scope=PolicyScope(row.pop("workspace"), row.pop("channel")), **row)


def _found(connection: sa.Connection, decision_id: str) -> ReviewItem | None:
    query = sa.select(_reviews).where(_reviews.c.decision_id == decision_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _item(row)


def _item_row(item: ReviewItem) -> dict[str, Any]:
    evidence = [dict(each) for each in item.evidence]
    lists = {"evidence": evidence, "hosts": list(item.hosts), "reporters": list(item.reporters)}
    return {**vars(item), **lists, "status": str(item.status)}


def _item(row: sa.RowMapping) -> ReviewItem:
    tuples = {"hosts": tuple(row["hosts"]), "reporters": tuple(row["reporters"])}
    return ReviewItem(**{**row, **tuples, "status": ReviewStatus(row["status"])})


def _wanted(wanted: ReviewFilter) -> list[sa.ColumnElement[bool]]:
    columns = _reviews.c
    asked = (
        (columns.workspace, wanted.workspace), (columns.channel, wanted.channel),
        (columns.campaign_id, wanted.campaign_id), (columns.status, wanted.status and str(wanted.status)),
    )  # fmt: skip
    return [column == given for column, given in asked if given]
