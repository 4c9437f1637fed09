"""The data catalog: databases and tables."""

from __future__ import annotations

from local.cloudformation.aws import Aws
from local.cloudformation.provider import Properties, Provider, names
from local.cloudformation.providers.common import pick


class Database(Provider):
    """Its name within DatabaseInput replaces it, too: Glue cannot rename a database."""

    type = "AWS::Glue::Database"
    properties = names("CatalogId DatabaseInput")
    replacing = (("DatabaseInput", "Name"), ("CatalogId",))
    lower = True

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        database = {"Name": name} | new["DatabaseInput"]
        aws("glue:CreateDatabase", CatalogId=new["CatalogId"], DatabaseInput=database)
        return str(database["Name"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        given = new | {"DatabaseInput": {"Name": physical_id} | new["DatabaseInput"]}
        aws("glue:UpdateDatabase", Name=physical_id, **given)

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("glue:DeleteDatabase", CatalogId=old["CatalogId"], Name=physical_id)


class Table(Provider):
    type = "AWS::Glue::Table"
    properties = names("CatalogId DatabaseName TableInput")
    lower = True

    def create(self, aws: Aws, name: str, new: Properties) -> str:
        table = {"Name": name} | new.get("TableInput", {})
        aws("glue:CreateTable", **new | {"TableInput": table})
        return str(table["Name"])

    def update(self, aws: Aws, physical_id: str, old: Properties, new: Properties) -> None:
        table = {"Name": physical_id} | new.get("TableInput", {})
        aws("glue:UpdateTable", **new | {"TableInput": table})

    def delete(self, aws: Aws, physical_id: str, old: Properties) -> None:
        aws("glue:DeleteTable", Name=physical_id, **pick(old, ["CatalogId", "DatabaseName"]))
