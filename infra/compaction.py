"""Compaction of an event type: the tables of its rows, the views that people query, the function.

`<type>_delivered` is what delivery writes, `<type>_compacted` what the function makes of it, and
`<type>_swap` says which rows of both count (events/swap.py). `<type>` is the view of those rows,
`<type>_unique` of the first of each event id.
"""

from inspect import getdoc
from pathlib import Path
from string import Template

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from events.columns import COMPACTION_COLUMN, PARTITION_COLUMN, glue_columns, sort_columns
from events.contract import Event
from events.swap import COLUMNS, State
from functions.compaction.settings import SECONDS, Settings
from infra.alarms import Alarms
from infra.catalog import PARTITION_COMMENT, Table
from infra.environments import Environment
from infra.function import Dependencies, Function
from infra.hive import hive, trino
from infra.schedule import Schedule
from infra.storage import Bucket, Key
from infra.view import Column, View
from infra.watches import of_compaction

VIEWS = Path(__file__).parent / "views"
REQUIREMENTS = Path(__file__).resolve().parent.parent / "functions/compaction/requirements.txt"
PASS = (COMPACTION_COLUMN, "bigint", "pass of the compaction that wrote the row")
DISK_SHARE = 5
"""Delivered and earlier files, their merger, its pieces and the sort's overflow share the disk."""
MEMORY_SHARE = 0.6
"""Of the function's memory, for DuckDB; Python and the transfers take the rest."""


class Views(Construct):
    """The views of an event type: `<type>` and `<type>_unique`, over `<type>_swap`.

    The function changes `<type>_swap` by each pass, and CloudFormation must not change it back: it
    updates a resource only when its template differs, so nothing that it is made of here may ever
    depend on the contract or change with a release.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        kind: type[Event],
        database: glue.CfnDatabase,
    ) -> None:
        super().__init__(scope, name)
        names = [f'"{column.name}"' for column in glue_columns(kind)]
        id_column, *_ = sort_columns(kind)
        words = {
            "event_type": event_type,
            "columns": ", ".join(names),
            "event_id": f'"{id_column}"',
        }
        columns = [
            Column(column.name, trino(column.type), column.comment, column.type)
            for column in glue_columns(kind)
        ]
        columns.append(Column(PARTITION_COLUMN, "varchar", PARTITION_COMMENT))
        placed = {"database": database, "database_name": environment.database}
        swap = View(
            self,
            "Swap",
            view_name=f"{event_type}_swap",
            description="Which delivered and compacted rows count; compaction changes it",
            columns=[Column(name, type_, comment, hive(type_)) for name, type_, comment in COLUMNS],
            sql=State().sql(),
            **placed,  # type: ignore[arg-type]
        )
        self.swap_name = f"{event_type}_swap"
        whole = View(
            self,
            "Events",
            view_name=event_type,
            description=(getdoc(kind) or "").partition("\n")[0],
            columns=columns,
            sql=_sql("events", words),
            **placed,  # type: ignore[arg-type]
        )
        unique = View(
            self,
            "Unique",
            view_name=f"{event_type}_unique",
            description=f"{event_type}, one row per event id: the first delivered",
            columns=columns,
            sql=_sql("unique", words),
            **placed,  # type: ignore[arg-type]
        )
        whole.resource.node.add_dependency(swap.resource)
        unique.resource.node.add_dependency(whole.resource)
        self.name, self.unique_name = whole.resource.ref, unique.resource.ref


def _sql(name: str, words: dict[str, str]) -> str:
    return Template((VIEWS / f"{name}.sql").read_text()).substitute(words).strip()


class Compaction(Construct):
    """The compacted table, the views, and the function that the schedule and people call."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        event_type: str,
        kind: type[Event],
        database: glue.CfnDatabase,
        bucket: Bucket,
        key: Key,
        dependencies: Dependencies,
        alarms: sns.ITopic,
        delivered_prefix: str,
        compacted_prefix: str,
        manifest_prefix: str,
    ) -> None:
        super().__init__(scope, name)
        self.table = Table(
            self,
            "Table",
            table_name=f"{event_type}_compacted",
            description=f"{event_type} rows as compaction wrote them; query {event_type} instead",
            kind=kind,
            database=database,
            bucket=bucket,
            prefix=compacted_prefix,
            more=[PASS],
        )
        self.views = Views(
            self,
            "Views",
            environment=environment,
            event_type=event_type,
            kind=kind,
            database=database,
        )
        self.settings = Settings(
            event_type=event_type,
            bucket=bucket.bucket_name,
            database=environment.database,
            delivered_prefix=delivered_prefix,
            compacted_prefix=compacted_prefix,
            manifest_prefix=manifest_prefix,
            budget_bytes=environment.compaction_disk_mib * 1024**2 // DISK_SHARE,
            memory_mib=int(environment.compaction_memory_mib * MEMORY_SHARE),
        )
        self.function = Function(
            self,
            "Function",
            environment=environment,
            package="compaction",
            settings=self.settings.environment(),
            dependencies=dependencies,
            more=[Dependencies(self, "DuckDB", requirements=REQUIREMENTS)],
            key=key,
            memory_mib=environment.compaction_memory_mib,
            disk_mib=environment.compaction_disk_mib,
            seconds=SECONDS,
            description=f"Makes few large files of the small ones of {event_type}",
        )
        Schedule(
            self,
            "Schedule",
            description=f"Compacts what is due of {event_type}",
            every=cdk.Duration.hours(environment.compaction_hours),
            function=self.function,
        )
        function = {"FunctionName": self.function.resource.function_name}
        Alarms(
            self,
            "Alarms",
            topic=alarms,
            watches=of_compaction(event_type, environment=environment.name, function=function),
        )
        self._grant_catalog(database)
        bucket.grant_rewrite(
            self.function.role,
            read=[delivered_prefix, compacted_prefix, manifest_prefix],
            write=[compacted_prefix, manifest_prefix],
        )

    def _grant_catalog(self, database: glue.CfnDatabase) -> None:
        stack = cdk.Stack.of(self)
        names = [
            "catalog",
            f"database/{database.ref}",
            f"table/{database.ref}/{self.views.swap_name}",
        ]
        iam.Grant.add_to_principal(
            grantee=self.function.role,
            actions=["glue:GetTable", "glue:UpdateTable"],
            resource_arns=[
                f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:{name}"
                for name in names
            ],
        )
