"""The stack of one event type, in the order in which its events flow."""

from functools import partial

import aws_cdk as cdk
from constructs import Construct

from events.contract import Event
from infra import watches
from infra.alarms import Alarms
from infra.audit import Audit
from infra.catalog import Table
from infra.compaction import Compaction
from infra.delivery import Delivery, Transform
from infra.endpoint import EndpointDelivery
from infra.environments import Environment
from infra.function import Dependencies
from infra.http import HttpIngestion
from infra.ingestion import Ingestion
from infra.interface import export, publish, tags
from infra.lake import Lake
from infra.rejected import Rejected
from infra.scaler import Scaler
from infra.storage import (
    AUDITS_PREFIX,
    COMPACTED_PREFIX,
    ERRORS_PREFIX,
    EVENTS_PREFIX,
    MANIFEST_PREFIX,
    REJECTED_PREFIX,
    RESUBMITTED_PREFIX,
    SCALING_PREFIX,
    SOURCE_PREFIX,
    UNSENT_PREFIX,
)


class EventType(cdk.Stack):
    """ingestion ─► transform ─► delivery ─► table ─► compaction ─► views ─► audit
    └─► endpoint      └─► rejected ─► resubmission ─► transform"""

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
        options, policy = environment.delivered(name), environment.scalings.get(name)
        data_prefix, error_prefix = f"{EVENTS_PREFIX}{name}/", f"{ERRORS_PREFIX}{name}/"
        rejected_prefix, source_prefix = f"{REJECTED_PREFIX}{name}/", f"{SOURCE_PREFIX}{name}/"
        unsent_prefix = f"{UNSENT_PREFIX}{name}/" if options.endpoint else ""

        dependencies = Dependencies(self, "Dependencies")
        self.retention = kind.contract.retention
        self.ingestion = ingestion = Ingestion(
            self,
            "Ingestion",
            environment=environment,
            contract=kind.contract,
            key=lake.key,
            watch_shards=policy is not None,
        )
        transform = Transform(
            self,
            "Transform",
            environment=environment,
            event_type=name,
            dependencies=dependencies,
            key=lake.key,
            bucket=lake.bucket,
            rejected_prefix=rejected_prefix,
        )
        table = Table(
            self,
            "Table",
            table_name=f"{name}_delivered",
            description=f"{name} rows as delivery wrote them; query {name} instead",
            kind=kind,
            database=lake.database,
            bucket=lake.bucket,
            prefix=data_prefix,
        )
        deliver = partial(
            Delivery,
            self,
            environment=environment,
            transform=transform,
            table=table,
            bucket=lake.bucket,
            key=lake.key,
            data_prefix=data_prefix,
            error_prefix=error_prefix,
            source_prefix=source_prefix,
            options=options,
        )
        delivery = deliver("Delivery", source=ingestion.stream)
        resubmission = deliver("Resubmission", source=None)
        compaction = Compaction(
            self,
            "Compaction",
            environment=environment,
            event_type=name,
            kind=kind,
            database=lake.database,
            bucket=lake.bucket,
            key=lake.key,
            dependencies=dependencies,
            alarms=lake.alarms,
            delivered_prefix=data_prefix,
            compacted_prefix=f"{COMPACTED_PREFIX}{name}/",
            manifest_prefix=f"{MANIFEST_PREFIX}{name}/",
        )
        rejected = Rejected(
            self,
            "Rejected",
            environment=environment,
            event_type=name,
            database=lake.database,
            bucket=lake.bucket,
            error_prefix=error_prefix,
            rejected_prefix=rejected_prefix,
            resubmitted_prefix=f"{RESUBMITTED_PREFIX}{name}/",
            unsent_prefix=unsent_prefix,
        )
        audit = Audit(
            self,
            "Audit",
            environment=environment,
            event_type=name,
            ingestion=ingestion,
            database=lake.database,
            bucket=lake.bucket,
            key=lake.key,
            dependencies=dependencies,
            alarms=lake.alarms,
            audit_prefix=f"{AUDITS_PREFIX}{name}/",
            prefixes=[data_prefix, f"{COMPACTED_PREFIX}{name}/", error_prefix, rejected_prefix],
        )

        Alarms(
            self,
            "Alarms",
            topic=lake.alarms,
            watches=watches.of_event_type(
                name,
                environment=environment.name,
                retention=self.retention,
                stream={"StreamName": ingestion.stream.stream_name},
                delivery={"DeliveryStreamName": delivery.resource.delivery_stream_name},
                resubmission={"DeliveryStreamName": resubmission.resource.delivery_stream_name},
                transform={"FunctionName": transform.resource.function_name},
            ),
        )

        if policy:
            scaler = Scaler(
                self,
                "Scaler",
                environment=environment,
                event_type=name,
                policy=policy,
                ingestion=ingestion,
                bucket=lake.bucket,
                key=lake.key,
                dependencies=dependencies,
                alarms=lake.alarms,
                state_key=f"{SCALING_PREFIX}{name}.json",
            )
            publish(self, ScalerFunctionName=scaler.function.resource.function_name)

        ingestion.grant_read(delivery.role)
        for role in (delivery.role, resubmission.role):
            transform.grant_invoke(role)
            table.grant_schema(role)
        lake.bucket.grant_add(transform.role, rejected_prefix)
        backup = [source_prefix] if options.source_backup else []
        lake.bucket.grant_store(delivery.role, data_prefix, error_prefix, *backup)
        lake.bucket.grant_store(resubmission.role, data_prefix, error_prefix)
        if options.endpoint:
            send = partial(
                EndpointDelivery,
                self,
                environment=environment,
                endpoint=options.endpoint,
                bucket=lake.bucket,
                key=lake.key,
                unsent_prefix=unsent_prefix,
            )
            endpoint = send("EndpointDelivery", source=ingestion.stream)
            again = send("EndpointResubmission", source=None)
            ingestion.grant_read(endpoint.role)
            lake.bucket.grant_store(endpoint.role, unsent_prefix)
            lake.bucket.grant_store(again.role, unsent_prefix)
            publish(
                self,
                UnsentName=f"{name}_unsent",
                EndpointResubmissionStreamName=again.resource.delivery_stream_name,
            )

        if name in environment.http:
            http = HttpIngestion(
                self,
                "Http",
                environment=environment,
                event_type=name,
                kind=kind,
                settings=environment.http[name],
                ingestion=ingestion,
                key=lake.key,
            )
            publish(self, HttpUrl=http.url, ApiKeyId=http.key.key_id)

        export(self, ingestion.stream.stream_arn, ingestion.stream.stream_name)
        publish(
            self,
            EventType=name,
            StreamName=ingestion.stream.stream_name,
            DeliveryStreamName=delivery.resource.delivery_stream_name,
            TableName=compaction.views.name,
            UniqueName=compaction.views.unique_name,
            DeliveredName=table.resource.ref,
            CompactionFunctionName=compaction.function.resource.function_name,
            AuditFunctionName=audit.function.resource.function_name,
            RejectedName=rejected.view_name,
            ResubmittedName=f"{name}_resubmitted",
            ResubmissionStreamName=resubmission.resource.delivery_stream_name,
            TransformFunctionName=transform.resource.function_name,
            DataPrefix=data_prefix,
            ErrorPrefix=error_prefix,
        )
