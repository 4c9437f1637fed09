"""A table of JSON lines in folders by date."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from constructs import Construct

from infra.environments import Environment

KEPT_FOR_EVER_DAYS = 3650
"""How far back the date is projected where the environment never deletes."""


class Lines(glue.CfnTable):
    """What is kept as long as errors are: one folder for each UTC date, which is read with all its
    folders. Columns have Hive's types."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        table: str,
        description: str,
        database: glue.CfnDatabase,
        columns: Mapping[str, str],
        date: str,
        location: str,
    ) -> None:
        days = environment.errors.expiry_days or KEPT_FOR_EVER_DAYS
        super().__init__(
            scope,
            name,
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database.ref,
            table_input=glue.CfnTable.TableInputProperty(
                name=table,
                description=description,
                table_type="EXTERNAL_TABLE",
                parameters={
                    "EXTERNAL": "TRUE",
                    "classification": "json",
                    "projection.enabled": "true",
                    f"projection.{date}.type": "date",
                    f"projection.{date}.format": "yyyy-MM-dd",
                    f"projection.{date}.range": f"NOW-{days}DAYS,NOW+1DAYS",
                    f"projection.{date}.interval": "1",
                    f"projection.{date}.interval.unit": "DAYS",
                    "storage.location.template": f"{location}{date}=${{{date}}}/",
                },
                partition_keys=[glue.CfnTable.ColumnProperty(name=date, type="string")],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=location,
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column, type=type_)
                        for column, type_ in columns.items()
                    ],
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library="org.openx.data.jsonserde.JsonSerDe"
                    ),
                ),
            ),
        )
