"""The catalog: tables of an event type's rows, whose columns follow from its class."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from events.columns import PARTITION_COLUMN, glue_columns
from events.contract import Event
from events.presence import required

HIVE_FORMATS = "org.apache.hadoop.hive.ql.io.parquet"
PARTITION_COMMENT = "UTC date of the event time; a query that names it reads only those days"


class Table(Construct):
    """Parquet files in folders by event date. The partitions are projected from the date, never
    registered: no crawler, no repair, and none that is there but not seen. The range ends tomorrow,
    as the clocks of some sources run ahead.
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html"""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        table_name: str,
        description: str,
        kind: type[Event],
        database: glue.CfnDatabase,
        bucket: s3.IBucket,
        prefix: str,
        more: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        """`more` are columns after those of the class and of delivery: name, type, comment."""
        super().__init__(scope, name)
        location = bucket.s3_url_for_object(prefix)
        self._database = database
        self._name = table_name
        self.resource = glue.CfnTable(
            self,
            "Resource",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database.ref,
            table_input=glue.CfnTable.TableInputProperty(
                name=table_name,
                description=description,
                table_type="EXTERNAL_TABLE",
                parameters=_parameters(kind, location),
                partition_keys=[_partition()],
                storage_descriptor=_storage(kind, location, more),
            ),
        )

    def grant_schema(self, reader: iam.IGrantable) -> None:
        """Reading the columns and their history, as format conversion does."""
        names = [
            "catalog",
            f"database/{self._database.ref}",
            f"table/{self._database.ref}/{self._name}",
        ]
        stack = cdk.Stack.of(self)
        iam.Grant.add_to_principal(
            grantee=reader,
            actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            resource_arns=[
                f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:{name}"
                for name in names
            ],
        )


def _parameters(kind: type[Event], location: str) -> dict[str, str]:
    column = PARTITION_COLUMN
    return {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "projection.enabled": "true",
        f"projection.{column}.type": "date",
        f"projection.{column}.format": "yyyy-MM-dd",
        f"projection.{column}.range": f"{kind.contract.first_date.isoformat()},NOW+1DAYS",
        f"projection.{column}.interval": "1",
        f"projection.{column}.interval.unit": "DAYS",
        "storage.location.template": f"{location}{column}=${{{column}}}/",
        **_contract(kind),
    }


def _contract(kind: type[Event]) -> dict[str, str]:
    """What columns do not say of the contract, kept so that `headrace contracts diff` can compare
    the next one with it."""
    contract = kind.contract
    return {
        "headrace.partition_key": ",".join(contract.partition_key),
        "headrace.event_id": contract.event_id,
        "headrace.event_time": contract.event_time,
        "headrace.required": ",".join(required(kind)),
    }


def _partition() -> glue.CfnTable.ColumnProperty:
    return glue.CfnTable.ColumnProperty(
        name=PARTITION_COLUMN,
        type="string",
        comment=PARTITION_COMMENT,
    )


def _storage(
    kind: type[Event], location: str, more: Sequence[tuple[str, str, str]]
) -> glue.CfnTable.StorageDescriptorProperty:
    return glue.CfnTable.StorageDescriptorProperty(
        location=location,
        columns=[
            glue.CfnTable.ColumnProperty(name=name, type=type_, comment=comment)
            for name, type_, comment in [*glue_columns(kind), *more]
        ],
        input_format=f"{HIVE_FORMATS}.MapredParquetInputFormat",
        output_format=f"{HIVE_FORMATS}.MapredParquetOutputFormat",
        serde_info=glue.CfnTable.SerdeInfoProperty(
            serialization_library=f"{HIVE_FORMATS}.serde.ParquetHiveSerDe"
        ),
    )
