"""What a data team does in Unity Catalog by databricks-sdk: make, grant, look, drop. Prints JSON."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnTypeName,
    CreateFunction,
    CreateFunctionParameterStyle,
    CreateFunctionRoutineBody,
    CreateFunctionSecurityType,
    CreateFunctionSqlDataAccess,
    DataSourceFormat,
    FunctionParameterInfo,
    FunctionParameterInfos,
    PermissionsChange,
    Privilege,
    TableType,
    VolumeType,
)
from databricks.sdk.service.iam import ComplexValue, Patch, PatchOp

TABLE = "sales.orders.lines"


def main() -> None:
    """Called with a token of another person and the URL of a folder outside the home."""
    w, other = WorkspaceClient(), WorkspaceClient(token=sys.argv[1])
    found: dict[str, Any] = {}
    look_around(w, found)
    make(w, sys.argv[2], found)
    grant(w, other, found)
    files_and_functions(w, found)
    found["refused"] = what_is_refused(w, other)
    drop(w, found)
    print(json.dumps(found))  # noqa: T201


def look_around(w: WorkspaceClient, found: dict[str, Any]) -> None:
    """What the service has made by itself."""
    found["metastore"] = w.metastores.current().as_dict()
    found["summary"] = w.metastores.summary().as_dict()
    found["catalogs"] = [each.name for each in w.catalogs.list()]
    found["schemas"] = [each.name for each in w.schemas.list("quikapp_ml")]
    found["events"] = w.tables.get("quikapp_ml.bronze.events").as_dict()
    found["tables"] = [each.full_name for each in w.tables.list("quikapp_ml", "bronze", omit_columns=True)]
    found["summaries"] = [each.full_name for each in w.tables.list_summaries("quikapp_ml", table_name_pattern="event%")]


def make(w: WorkspaceClient, location: str, found: dict[str, Any]) -> None:
    """A catalog with a schema and a table."""
    found["catalog"] = w.catalogs.create("Sales", comment="what is sold").as_dict()
    found["catalog_changed"] = w.catalogs.update("sales", comment="what we sell").as_dict()
    w.schemas.create("orders", "sales")
    found["schema"] = w.schemas.update("sales.orders", comment="one a day").as_dict()
    columns = [
        ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0, nullable=False),
        ColumnInfo(name="prices", type_name=ColumnTypeName.ARRAY, type_text="array<decimal(10,2)>", position=1),
    ]
    delta = DataSourceFormat.DELTA
    made = w.tables.create("lines", "sales", "orders", TableType.EXTERNAL, delta, location, columns=columns)
    found["table"] = made.as_dict()
    found["again"] = w.tables.get(TABLE).as_dict() == found["table"] and w.schemas.get("sales.orders").name == "orders"
    found["exists"] = [w.tables.exists(TABLE).table_exists, w.tables.exists(f"{TABLE}2").table_exists]


def grant(w: WorkspaceClient, other: WorkspaceClient, found: dict[str, Any]) -> None:
    """To a group, step by step."""
    analysts = w.groups.create(display_name="analysts", members=[ComplexValue(value="ann")])
    steps = [refused(lambda: other.tables.get(TABLE))]
    ways = (("catalog", "sales", Privilege.USE_CATALOG), ("schema", "sales.orders", Privilege.USE_SCHEMA))
    for kind, name, privilege in (*ways, ("table", TABLE, Privilege.SELECT)):
        change = PermissionsChange(principal="analysts", add=[privilege])
        found[f"granted_{kind}"] = w.grants.update(kind, name, changes=[change]).as_dict()
        steps.append(refused(lambda: other.tables.get(TABLE)))
    found["steps"] = steps
    found["grants"] = w.grants.get("table", TABLE).as_dict()
    found["effective"] = other.grants.get_effective("table", TABLE).as_dict()
    removal = Patch(op=PatchOp.REMOVE, path='members[value eq "ann"]')
    w.groups.patch(analysts.id or "", operations=[removal])
    found["after_leaving"] = refused(lambda: other.tables.get(TABLE))
    found["groups"] = [each.display_name for each in w.groups.list(filter='displayName eq "analysts"')]
    w.groups.delete(w.groups.get(analysts.id or "").id or "")
    service = w.service_principals.create(display_name="nightly", application_id="app-1")
    found["services"] = [each.application_id for each in w.service_principals.list()]
    w.service_principals.delete(w.service_principals.get(service.id or "").id or "")


def files_and_functions(w: WorkspaceClient, found: dict[str, Any]) -> None:
    """A volume with a file, and the description of a function."""
    w.volumes.create("sales", "orders", "papers", VolumeType.MANAGED, comment="bills")
    found["volume"] = w.volumes.update("sales.orders.papers", comment="all bills").as_dict()
    found["volumes"] = [each.full_name for each in w.volumes.list("sales", "orders")]
    file = "/Volumes/sales/orders/papers/2026/bill.txt"
    w.files.upload(file, io.BytesIO(b"three loaves"))
    contents = w.files.download(file).contents
    found["file"] = contents.read().decode() if contents else ""
    found["size"] = w.files.get_metadata(file).content_length
    found["folder"] = [each.path for each in w.files.list_directory_contents("/Volumes/sales/orders/papers/2026")]
    w.files.delete(file)
    w.files.delete_directory("/Volumes/sales/orders/papers/2026")
    parameter = FunctionParameterInfo(name="x", type_text="double", type_name=ColumnTypeName.DOUBLE, position=0)
    function = CreateFunction(
        name="twice",
        catalog_name="sales",
        schema_name="orders",
        input_params=FunctionParameterInfos([parameter]),
        data_type=ColumnTypeName.DOUBLE,
        full_data_type="double",
        routine_body=CreateFunctionRoutineBody.SQL,
        routine_definition="x * 2",
        parameter_style=CreateFunctionParameterStyle.S,
        is_deterministic=True,
        sql_data_access=CreateFunctionSqlDataAccess.CONTAINS_SQL,
        is_null_call=False,
        security_type=CreateFunctionSecurityType.DEFINER,
        specific_name="twice",
    )
    found["function"] = w.functions.create(function).as_dict()
    found["functions"] = [w.functions.get(each.full_name or "").name for each in w.functions.list("sales", "orders")]
    found["models"] = models(w)


def models(w: WorkspaceClient) -> list[Any]:
    """A model without versions."""
    w.registered_models.create(name="demand", catalog_name="sales", schema_name="orders", comment="for tomorrow")
    name = "sales.orders.demand"
    told = [w.registered_models.update(name, comment="for next week").comment, w.registered_models.get(name).full_name]
    told += [each.name for each in w.registered_models.list(catalog_name="sales", schema_name="orders")]
    told += [str(len(list(w.model_versions.list(name))))]
    w.registered_models.delete(name)
    return told


def what_is_refused(w: WorkspaceClient, other: WorkspaceClient) -> list[str]:
    """Names of the errors."""
    return [
        refused(lambda: w.catalogs.create("sales")),
        refused(lambda: w.catalogs.delete("sales")),
        refused(lambda: w.catalogs.get("nowhere")),
        refused(lambda: w.temporary_table_credentials.generate_temporary_table_credentials(table_id="x")),
        refused(lambda: other.catalogs.create("mine")),
        refused(lambda: w.files.download("/Volumes/sales/orders/papers/%2e%2e/%2e%2e/x")),
    ]


def drop(w: WorkspaceClient, found: dict[str, Any]) -> None:
    """All of it."""
    w.functions.delete("sales.orders.twice")
    w.volumes.delete("sales.orders.papers")
    w.tables.delete(TABLE)
    w.schemas.delete("sales.orders")
    w.catalogs.delete("sales", force=True)
    found["left"] = [each.name for each in w.catalogs.list()]


def refused(call: Callable[[], object]) -> str:
    """Databricks' code of what went wrong; empty when nothing did."""
    try:
        call()
    except DatabricksError as error:
        return str(error.error_code)
    return ""


if __name__ == "__main__":
    main()
