"""Shares and recipients as `w.shares` and `w.recipients` of databricks-sdk send and read them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from quikapp_ml.databricks_api.requests import objects, refuse_fields, text
from quikapp_ml.databricks_api.sharing.management import NewTable, Sharing
from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound
from quikapp_ml.stores.state.shares import Recipient, Share, ShareChange, SharedTable

SHARE_DISABLED = {
    "new_name": "a share keeps its name, for profiles and programs of others name it",
    "storage_root": "shared tables stay where they are",
}
RECIPIENT_DISABLED = {
    "new_name": "a recipient keeps its name, for grants name it",
    "sharing_code": "recipients are let in by token",
    "data_recipient_global_metastore_id": "recipients are let in by token",
    "ip_access_list": "addresses are not looked at; use a firewall",
    "properties_kvpairs": "tables are shared as they are, whoever reads them",
}
OBJECT_FIELDS = frozenset(
    {
        "name",
        "data_object_type",
        "shared_as",
        "comment",
        "cdf_enabled",
        "history_data_sharing_status",
        "start_version",
        "added_at",
        "added_by",
        "status",
    }
)
OBJECT_DISABLED = {
    "partitions": "a table is shared whole",
    "string_shared_as": "only tables are shared",
    "content": "only tables are shared",
}
SELECT = "SELECT"


def told_share(share: Share, feeds: Mapping[str, bool]) -> dict[str, Any]:
    """A share; `feeds` says of each table whether it feeds changes, and lacks those that are gone."""
    return _without_none(
        name=share.name,
        owner=share.owner or None,
        comment=share.comment or None,
        created_at=_ms(share.created_at),
        objects=[_told_object(table, feeds.get(table.table)) for table in share.tables] or None,
    )


def told_recipient(recipient: Recipient, activation_url: str = "") -> dict[str, Any]:
    """A recipient; the URL is that of the newest token, as long as it waits to be fetched."""
    tokens: list[dict[str, Any]] = [
        _without_none(id=each.token_id, created_at=_ms(each.created_at), expiration_time=_ms(each.expires_at))
        for each in recipient.tokens
    ]
    if activation_url:
        tokens[-1]["activation_url"] = activation_url
    return _without_none(
        name=recipient.name,
        id=recipient.recipient_id,
        owner=recipient.owner or None,
        comment=recipient.comment or None,
        created_at=_ms(recipient.created_at),
        authentication_type="TOKEN",
        activated=any(not each.activation for each in recipient.tokens),
        activation_url=activation_url or None,
        tokens=tokens or None,
    )


def told_grants(recipients: tuple[str, ...]) -> list[dict[str, Any]]:
    """Who may read a share."""
    return [{"principal": name, "privileges": [SELECT]} for name in recipients]


def read_share_change(given: Mapping[str, Any], share: Share, sharing: Sharing, caller: str) -> ShareChange:
    """What an update is to change in a share. Raises InvalidInput, NotFound or FeatureDisabled."""
    refuse_fields(given, frozenset({"name", "owner", "comment", "updates"}), SHARE_DISABLED, "")
    removed: list[SharedTable] = []
    added: list[SharedTable] = []
    for update in objects(given, "updates"):
        action, told = text(update, "action"), update.get("data_object")
        if not isinstance(told, dict):
            raise InvalidInput("each of updates needs a data_object")
        if action not in ("ADD", "REMOVE", "UPDATE"):
            raise InvalidInput(f"action {action[:80]!r} is unknown; use ADD, REMOVE or UPDATE")
        before = None if action == "ADD" else _named(share, text(told, "name"))
        if before is not None:
            removed.append(before)
        if action != "REMOVE":
            added.append(_new_table(told, before, sharing, caller))
    names = tuple((table.schema, table.name) for table in removed)
    owner, comment = (text(given, field) if given.get(field) is not None else None for field in ("owner", "comment"))
    return ShareChange(owner, comment, names, tuple(added))


def read_grants(given: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Recipients who may read a share from now on, and who may no longer."""
    refuse_fields(given, frozenset({"name", "changes", "omit_permissions_list"}), {}, "")
    granted: list[str] = []
    revoked: list[str] = []
    for change in objects(given, "changes"):
        principal = text(change, "principal").lower()
        for field, names in (("add", granted), ("remove", revoked)):
            privileges = change.get(field) or []
            if privileges not in ([], [SELECT]):
                raise InvalidInput(f"{field} must be [{SELECT!r}]: a share can be read, and nothing else")
            names += [principal] * len(privileges)
    return granted, revoked


def _new_table(told: Mapping[str, Any], before: SharedTable | None, sharing: Sharing, caller: str) -> SharedTable:
    refuse_fields(told, OBJECT_FIELDS, OBJECT_DISABLED, "data_object.")
    if told.get("data_object_type") not in (None, "TABLE"):
        raise FeatureDisabled("only tables are shared: data_object_type must be TABLE")
    shared_as = text(told, "shared_as", f"{before.schema}.{before.name}" if before else "")
    start_version = told.get("start_version", before.start_version if before else 0)
    if type(start_version) is not int:
        raise InvalidInput("start_version must be a whole number")
    new = NewTable(
        table=before.table if before else text(told, "name"),
        shared_as=shared_as,
        comment=text(told, "comment", before.comment if before else ""),
        with_history=_has_history(told, before),
        start_version=start_version,
        with_changes=told.get("cdf_enabled") is True,
    )
    table = sharing.new_table(new, caller)
    return replace(table, table_id=before.table_id) if before else table


def _has_history(told: Mapping[str, Any], before: SharedTable | None) -> bool:
    status = told.get("history_data_sharing_status")
    if status not in (None, "ENABLED", "DISABLED"):
        raise InvalidInput(f"history_data_sharing_status {str(status)[:80]!r} is unknown; use ENABLED or DISABLED")
    return status == "ENABLED" if status else before is not None and before.with_history


def _named(share: Share, name: str) -> SharedTable:
    """By its own name, or by the one that recipients see."""
    for table in share.tables:
        if name.lower() in (table.table, f"{table.schema}.{table.name}"):
            return table
    raise NotFound(f"share {share.name!r} has no table {name[:255]!r}")


def _told_object(table: SharedTable, feeds_changes: bool | None) -> dict[str, Any]:
    return _without_none(
        name=table.table,
        data_object_type="TABLE",
        shared_as=f"{table.schema}.{table.name}",
        comment=table.comment or None,
        added_at=_ms(table.added_at),
        added_by=table.added_by or None,
        cdf_enabled=bool(feeds_changes) and table.with_history,
        history_data_sharing_status="ENABLED" if table.with_history else "DISABLED",
        start_version=table.start_version,
        status="ACTIVE",
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _ms(time: datetime | None) -> int | None:
    return None if time is None else round(time.timestamp() * 1000)
