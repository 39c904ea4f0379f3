"""Securables as clients are told them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from quikapp_ml.serving.catalog.columns import Column, precision_and_scale, type_text, unity_name
from quikapp_ml.serving.catalog.tables import VIEW, TableInfo
from quikapp_ml.stores.state.catalog import CatalogRecord

METASTORE_ID = "00000000-0000-4000-8000-000000000001"
"""There is one metastore here."""


def told_catalog(record: CatalogRecord) -> dict[str, Any]:
    """A catalog."""
    return {
        "name": record.name,
        "full_name": record.name,
        "catalog_type": "MANAGED_CATALOG",
        "securable_type": "CATALOG",
        "isolation_mode": "OPEN",
        **_described(record),
    }


def told_schema(record: CatalogRecord) -> dict[str, Any]:
    """A schema."""
    catalog, _, name = record.name.partition(".")
    return {
        "name": name,
        "catalog_name": catalog,
        "full_name": record.name,
        "schema_id": record.record_id,
        "catalog_type": "MANAGED_CATALOG",
        **_described(record),
    }


def told_table(info: TableInfo, *, columns: bool = True, properties: bool = True) -> dict[str, Any]:
    """A table or view."""
    told = {
        **_placed(info.record),
        **_described(info.record),
        "table_type": info.table_type,
        "table_id": info.table_id,
        "comment": info.comment or None,
        "properties": dict(info.properties) if properties else None,
    }
    if info.table_type == VIEW:
        told["view_definition"] = info.view_definition
    else:
        told |= {"data_source_format": "DELTA", "storage_location": info.location}
    if columns:
        told["columns"] = [_told_column(each, at, info) for at, each in enumerate(info.columns)]
    return without_none(told)


def told_summary(info: TableInfo) -> dict[str, Any]:
    """A table in short."""
    return {"full_name": info.name, "table_type": info.table_type}


def told_volume(record: CatalogRecord) -> dict[str, Any]:
    """A volume."""
    return {
        **_placed(record),
        **_described(record),
        "volume_id": record.record_id,
        "volume_type": record.details["volume_type"],
        "storage_location": record.details["storage_location"],
    }


def told_function(record: CatalogRecord) -> dict[str, Any]:
    """A function."""
    return {**record.details, **_placed(record), **_described(record), "function_id": record.record_id}


def without_none(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, and nothing of what is not."""
    return {name: value for name, value in told.items() if value is not None}


def milliseconds(time: datetime) -> int:
    """Since 1970."""
    return round(time.timestamp() * 1000)


def _placed(record: CatalogRecord) -> dict[str, Any]:
    catalog, schema, name = record.name.split(".", 2)
    return {"name": name, "catalog_name": catalog, "schema_name": schema, "full_name": record.name}


def _described(record: CatalogRecord) -> dict[str, Any]:
    return without_none(
        {
            "owner": record.owner,
            "comment": record.comment or None,
            "properties": dict(record.properties) or None,
            "metastore_id": METASTORE_ID,
            "created_at": milliseconds(record.created_at),
            "created_by": record.created_by,
            "updated_at": milliseconds(record.updated_at),
            "updated_by": record.updated_by,
        }
    )


def _told_column(column: Column, position: int, info: TableInfo) -> dict[str, Any]:
    precision, scale = precision_and_scale(column.type)
    partition = list(info.partition_by).index(column.name) if column.name in info.partition_by else None
    return without_none(
        {
            "name": column.name,
            "position": position,
            "type_text": type_text(column.type),
            "type_name": unity_name(column.type),
            "type_json": orjson.dumps(column.field()).decode(),
            "type_precision": precision,
            "type_scale": scale,
            "nullable": column.nullable,
            "comment": column.comment or None,
            "partition_index": partition,
        }
    )
