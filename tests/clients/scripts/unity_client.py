"""What a reader of the open-source Unity Catalog does by its own client, `unitycatalog-client`. Prints JSON."""

import asyncio
import json
import os
import sys
from typing import Any

from unitycatalog.client import (  # type: ignore[attr-defined]
    ApiClient,
    CatalogsApi,
    ColumnInfo,
    ColumnTypeName,
    Configuration,
    CreateCatalog,
    CreateSchema,
    CreateTable,
    DataSourceFormat,
    FunctionsApi,
    GrantsApi,
    PermissionsChange,
    Privilege,
    SchemasApi,
    SecurableType,
    TablesApi,
    TableType,
    UpdateCatalog,
    UpdatePermissions,
    VolumesApi,
)


async def main() -> None:
    """Called with the URL of a folder outside the home: make, look, grant, drop."""
    configuration = Configuration(host=f"{os.environ['DATABRICKS_HOST']}/api/2.1/unity-catalog")
    async with ApiClient(configuration, "Authorization", f"Bearer {os.environ['DATABRICKS_TOKEN']}") as client:
        catalogs: Any = CatalogsApi(client)
        schemas: Any = SchemasApi(client)
        tables: Any = TablesApi(client)
        found: dict[str, Any] = {"created": (await catalogs.create_catalog(CreateCatalog(name="books"))).name}
        changed = await catalogs.update_catalog("books", UpdateCatalog(comment="to read", new_name="library"))
        found["changed"] = [changed.name, changed.comment]
        await schemas.create_schema(CreateSchema(name="novels", catalog_name="library"))
        column = ColumnInfo(
            name="title", type_name=ColumnTypeName.STRING, type_text="string", position=0, nullable=True
        )
        made = await tables.create_table(
            CreateTable(
                name="read",
                catalog_name="library",
                schema_name="novels",
                table_type=TableType.EXTERNAL,
                data_source_format=DataSourceFormat.DELTA,
                storage_location=sys.argv[1],
                columns=[column],
            )
        )
        found["columns"] = [[each.name, each.type_text, each.type_name.value] for each in made.columns]
        found["tables"] = [each.name for each in (await tables.list_tables("library", "novels")).tables]
        grants: Any = GrantsApi(client)
        change = PermissionsChange(principal="ann", add=[Privilege.USE_CATALOG, Privilege.SELECT], remove=[])
        await grants.update(SecurableType.CATALOG, "library", UpdatePermissions(changes=[change]))
        told = await grants.get(SecurableType.CATALOG, "library")
        found["grants"] = [[each.principal, [p.value for p in each.privileges]] for each in told.privilege_assignments]
        events = await tables.get_table("quikapp_ml.bronze.events")
        found["events"] = [each.name for each in events.columns][:3]
        found["volumes"] = (await VolumesApi(client).list_volumes("library", "novels")).volumes
        found["functions"] = (await FunctionsApi(client).list_functions("library", "novels")).functions
        await catalogs.delete_catalog("library", force=True)
        found["left"] = [each.name for each in (await catalogs.list_catalogs()).catalogs]
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
