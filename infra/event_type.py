"""The stack of one event type, in the order in which its events flow."""

import aws_cdk as cdk
from constructs import Construct

from events.contract import Event
from infra import watches
from infra.alarms import Alarms
from infra.catalog import Table
from infra.delivery import Delivery, Transform
from infra.environments import Environment
from infra.function import Dependencies
from infra.ingestion import Ingestion
from infra.interface import export, publish, tags
from infra.lake import Lake
from infra.storage import ERRORS_PREFIX, EVENTS_PREFIX


class EventType(cdk.Stack):
    """ingestion ─► transform ─► delivery ─► table"""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        lake: Lake,
        name: str,
        kind: type[Event],
    ) -> None:
        super().__init__(
            scope,
            f"Headrace-{environment.name}-{name.replace('_', '-')}",
            description=f"Headrace {environment.name}: {name} events from ingestion to the lake",
            tags=tags(environment, stage=name),
            termination_protection=environment.keep_data,
        )
        data_prefix, error_prefix = f"{EVENTS_PREFIX}{name}/", f"{ERRORS_PREFIX}{name}/"

        dependencies = Dependencies(self, "Dependencies")
        self.retention = kind.contract.retention
        self.ingestion = ingestion = Ingestion(
            self, "Ingestion", environment=environment, contract=kind.contract, key=lake.key
        )
        transform = Transform(
            self,
            "Transform",
            environment=environment,
            event_type=name,
            dependencies=dependencies,
            key=lake.key,
        )
        table = Table(
            self,
            "Table",
            event_type=name,
            kind=kind,
            database=lake.database,
            bucket=lake.bucket,
            prefix=data_prefix,
        )
        delivery = Delivery(
            self,
            "Delivery",
            environment=environment,
            source=ingestion.stream,
            transform=transform,
            table=table,
            bucket=lake.bucket,
            key=lake.key,
            data_prefix=data_prefix,
            error_prefix=error_prefix,
        )

        Alarms(
            self,
            "Alarms",
            topic=lake.alarms,
            watches=watches.of_event_type(
                name,
                retention=self.retention,
                stream={"StreamName": ingestion.stream.stream_name},
                delivery={"DeliveryStreamName": delivery.resource.delivery_stream_name},
                transform={"FunctionName": transform.resource.function_name},
            ),
        )

        ingestion.grant_read(delivery.role)
        transform.grant_invoke(delivery.role)
        table.grant_schema(delivery.role)
        lake.bucket.grant_store(delivery.role, data_prefix, error_prefix)

        export(self, ingestion.stream.stream_arn, ingestion.stream.stream_name)
        publish(
            self,
            EventType=name,
            StreamName=ingestion.stream.stream_name,
            DeliveryStreamName=delivery.resource.delivery_stream_name,
            TableName=table.resource.ref,
            TransformFunctionName=transform.resource.function_name,
            DataPrefix=data_prefix,
            ErrorPrefix=error_prefix,
        )
