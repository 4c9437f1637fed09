"""A view in the catalog, as Athena itself keeps one that CREATE VIEW made.

Athena has no API for views but its SQL, which a deployment cannot run without a function of its
own; but a view is a Glue table whose text is the query with the types that it gives. Trino checks
them when the view is read: a column that cannot be coerced makes the view "stale".
"""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from constructs import Construct

# Trino's types as Hive spells them for those who list the columns.
HIVE = {"varchar": "string", "timestamp(3)": "timestamp"}


class Column(NamedTuple):
    """`type` is Trino's, such as varchar, bigint or timestamp(3); `hive` is Hive's for the same
    where it is another than HIVE has."""

    name: str
    type: str
    comment: str = ""
    hive: str = ""


class View(Construct):
    """`sql` names tables of the same database without it; `database_name` must be known now."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        view_name: str,
        description: str,
        database: glue.CfnDatabase,
        database_name: str,
        columns: Sequence[Column],
        sql: str,
    ) -> None:
        super().__init__(scope, name)
        self.resource = glue.CfnTable(
            self,
            "Resource",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database.ref,
            table_input=glue.CfnTable.TableInputProperty(
                name=view_name,
                description=description,
                table_type="VIRTUAL_VIEW",
                parameters={"presto_view": "true", "comment": "Presto View"},
                partition_keys=[],
                view_original_text=_text(sql, database_name, columns),
                view_expanded_text="/* Presto View */",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(
                            name=column.name,
                            type=column.hive or HIVE.get(column.type, column.type),
                            comment=column.comment,
                        )
                        for column in columns
                    ],
                    location="",
                    serde_info=glue.CfnTable.SerdeInfoProperty(),
                ),
            ),
        )


def _text(sql: str, database: str, columns: Sequence[Column]) -> str:
    described = {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column.name, "type": column.type} for column in columns],
    }
    return f"/* Presto View: {base64.b64encode(json.dumps(described).encode()).decode()} */"
