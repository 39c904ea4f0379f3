"""What a data team does by `w.shares` and `w.recipients`, and its recipient by `delta_sharing`. Prints JSON."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import delta_sharing  # type: ignore[import-untyped]
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectHistoryDataSharingStatus,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

ADD, REMOVE, UPDATE = (SharedDataObjectUpdateAction(each) for each in ("ADD", "REMOVE", "UPDATE"))


def main() -> None:
    """Called with a folder and the full name of a table."""
    folder, table = Path(sys.argv[1]), sys.argv[2]
    w = WorkspaceClient()
    found: dict[str, Any] = {"created": w.shares.create("Quarter", comment="numbers").as_dict()}
    shared = SharedDataObject(
        table,
        data_object_type=SharedDataObjectDataObjectType.TABLE,
        shared_as="open.numbers",
        cdf_enabled=True,
        history_data_sharing_status=SharedDataObjectHistoryDataSharingStatus.ENABLED,
    )
    found["updated"] = w.shares.update("quarter", updates=[SharedDataObjectUpdate(ADD, shared)]).as_dict()
    recipient = w.recipients.create("partner", AuthenticationType.TOKEN, comment="another organisation")
    found["recipient"] = recipient.as_dict()
    change = PermissionsChange(principal="partner", add=["SELECT"])
    found["granted"] = w.shares.update_permissions("quarter", changes=[change]).as_dict()
    profile = fetch(w, recipient.activation_url or "", folder / "partner.share")
    found["fetched_again"] = refused(lambda: w.recipient_activation.retrieve_token(recipient.activation_url or ""))
    found["rows"] = len(delta_sharing.load_as_pandas(f"{profile}#quarter.open.numbers"))
    found["activated"] = w.recipients.get("partner").activated

    look_and_change(w, found, table, profile)
    found["refused"] = what_is_refused(w)
    w.recipients.delete("partner")
    w.shares.delete("quarter")
    found["left"] = [*(each.name for each in w.shares.list_shares()), *(each.name for each in w.recipients.list())]
    print(json.dumps(found))  # noqa: T201


def look_and_change(w: WorkspaceClient, found: dict[str, Any], table: str, profile: Path) -> None:
    """What comes after the first reading."""
    rotated = w.recipients.rotate_token("partner", 0)
    found["old_profile"] = refused(lambda: delta_sharing.SharingClient(str(profile)).list_shares())
    second = fetch(w, rotated.activation_url or "", profile.with_name("partner-2.share"))
    found["tables"] = [each.name for each in delta_sharing.SharingClient(str(second)).list_all_tables()]

    found["shares"] = [each.name for each in w.shares.list_shares()]
    found["recipients"] = [each.name for each in w.recipients.list()]
    found["may_read"] = w.recipients.share_permissions("partner").as_dict()
    found["may_be_read_by"] = w.shares.share_permissions("quarter").as_dict()
    found["renamed"] = w.recipients.update("partner", comment="new").comment
    plain = SharedDataObject(table, shared_as="open.figures")
    found["moved"] = w.shares.update("quarter", updates=[SharedDataObjectUpdate(UPDATE, plain)]).as_dict()
    found["with_tables"] = w.shares.get("quarter", include_shared_data=True).as_dict()
    found["without_tables"] = w.shares.get("quarter").as_dict()
    w.shares.update_permissions("quarter", changes=[PermissionsChange(principal="partner", remove=["SELECT"])])
    found["after_revoking"] = [each.name for each in delta_sharing.SharingClient(str(second)).list_shares()]
    w.shares.update("quarter", updates=[SharedDataObjectUpdate(REMOVE, SharedDataObject(table))])


def what_is_refused(w: WorkspaceClient) -> list[str]:
    """Codes of errors."""
    return [
        refused(lambda: w.shares.create("quarter")),
        refused(lambda: w.shares.create("not a name")),
        refused(lambda: w.shares.get("missing")),
        refused(lambda: w.shares.update("quarter", new_name="third")),
        refused(lambda: w.recipients.create("other", AuthenticationType.DATABRICKS)),
        refused(
            lambda: w.shares.update(
                "quarter", updates=[SharedDataObjectUpdate(ADD, SharedDataObject("quikapp_ml.open.missing"))]
            )
        ),
        refused(lambda: w.recipients.rotate_token("partner", -1)),
    ]


def fetch(w: WorkspaceClient, url: str, file: Path) -> Path:
    """The profile that waits at an activation URL."""
    told = w.recipient_activation.retrieve_token(url)
    profile = {
        "shareCredentialsVersion": told.share_credentials_version,
        "endpoint": told.endpoint,
        "bearerToken": told.bearer_token,
        "expirationTime": told.expiration_time,
    }
    file.write_text(json.dumps(profile))
    return file


def refused(attempt: Callable[[], object]) -> str:
    """The error's code."""
    try:
        attempt()
    except DatabricksError as error:
        return str(error.error_code)
    except OSError as error:  # the sharing client's
        return f"HTTP {str(error)[:3]}"
    return "done"


if __name__ == "__main__":
    main()
