"""Data catalogs, databases and tables as Athena describes them: the Glue catalog."""

from __future__ import annotations

import re
from typing import Any

from local.athena.catalog.tables import Glue, GlueTable
from local.athena.errors import InvalidRequest, MetadataMissing
from local.athena.paging import page
from local.athena.sql.types import parse
from local.athena.state import Region

CATALOG = "AwsDataCatalog"


def _glue(region: Region, wanted: dict[str, Any]) -> Glue:
    name = wanted["CatalogName"]
    if name.lower() != CATALOG.lower():
        raise InvalidRequest(f"Data catalog {name} was not found")
    return Glue(region.account, region.name)


def get_catalog(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    _glue(region, {"CatalogName": wanted["Name"]})
    parameters = {"catalog-id": region.account}
    return {"DataCatalog": {"Name": CATALOG, "Type": "GLUE", "Parameters": parameters}}


def list_catalogs(_: Region, __: dict[str, Any]) -> dict[str, Any]:
    return {"DataCatalogsSummary": [{"CatalogName": CATALOG, "Type": "GLUE"}]}


def get_database(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    return {"Database": _database(_glue(region, wanted), wanted["DatabaseName"])}


def _database(glue: Glue, name: str) -> dict[str, Any]:
    found = glue.database(name)
    if found is None:
        if name.lower() == "default":
            return {"Name": "default"}
        raise MetadataMissing(f"Database {name} not found.")
    described = {
        "Name": found.name,
        "Description": found.input.get("Description"),
        "Parameters": found.input.get("Parameters"),
    }
    return {key: value for key, value in described.items() if value}


def list_databases(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    glue = _glue(region, wanted)
    names, token = page(glue.databases(), wanted)
    return {"DatabaseList": [_database(glue, name) for name in names], **token}


def get_table(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    glue = _glue(region, wanted)
    _database(glue, wanted["DatabaseName"])
    table = glue.table(wanted["DatabaseName"], wanted["TableName"])
    if table is None:
        raise MetadataMissing(f"Table {wanted['TableName']} not found.")
    return {"TableMetadata": _table(table)}


def list_tables(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    glue = _glue(region, wanted)
    _database(glue, wanted["DatabaseName"])
    found = glue.tables(wanted["DatabaseName"])
    if wanted.get("Expression"):
        try:
            expression = re.compile(wanted["Expression"])
        except re.error as error:
            raise InvalidRequest(f"Invalid Expression: {wanted['Expression']}") from error
        found = [table for table in found if expression.fullmatch(table.name)]
    tables, token = page(found, wanted)
    return {"TableMetadataList": [_table(table) for table in tables], **token}


def _table(table: GlueTable) -> dict[str, Any]:
    storage = table.raw.get("StorageDescriptor", {})
    serde = storage.get("SerdeInfo") or {}
    extra = {
        "inputformat": storage.get("InputFormat"),
        "location": storage.get("Location"),
        "outputformat": storage.get("OutputFormat"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
        **{f"serde.param.{k}": v for k, v in (serde.get("Parameters") or {}).items()},
    }
    return {
        "Name": table.name,
        "CreateTime": table.raw["CreateTime"].timestamp(),
        "TableType": table.raw.get("TableType"),
        "Columns": [_column(column) for column in storage.get("Columns", [])],
        "PartitionKeys": [_column(column) for column in table.raw.get("PartitionKeys") or []],
        "Parameters": {**table.properties, **{k: v for k, v in extra.items() if v}},
    }


def _column(column: dict[str, str]) -> dict[str, str]:
    described = {"Name": column["Name"], "Type": column.get("Type") or "string"}
    parse(described["Type"])
    if column.get("Comment"):
        described["Comment"] = column["Comment"]
    return described


OPERATIONS = {
    "GetDataCatalog": get_catalog,
    "ListDataCatalogs": list_catalogs,
    "GetDatabase": get_database,
    "ListDatabases": list_databases,
    "GetTableMetadata": get_table,
    "ListTableMetadata": list_tables,
}
