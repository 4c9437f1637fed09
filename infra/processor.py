"""The stack of one processor, in the order in which events flow through it."""

import aws_cdk as cdk
from constructs import Construct

from functions.rescue.settings import Settings as RescueSettings
from functions.shared.settings import ProcessorSettings, StatefulSettings
from infra import layer, watches
from infra.alarms import Alarms
from infra.discovery import FUNCTIONS
from infra.environments import Environment
from infra.event_type import EventType
from infra.function import Dependencies, Function
from infra.interface import publish, tags
from infra.lake import Lake
from infra.processing import Consumer, FailureQueue, Mapping, Payloads
from infra.rescue import Rescue
from infra.stateful import Stateful


class Processor(cdk.Stack):
    """consumer ─► mapping ─► function ─► derived stream
    └─► what fails ─► queue ─► rescue ─► archive"""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        lake: Lake,
        source: EventType,
        derived: EventType,
        name: str,
        settings: type[ProcessorSettings],
    ) -> None:
        super().__init__(
            scope,
            f"Headrace-{environment.name}-{name.replace('_', '-')}",
            description=f"Headrace {environment.name}: {settings.description}",
            tags=tags(environment, processor=name),
            termination_protection=environment.keep_data,
        )
        consumption = settings.consumption
        dependencies = Dependencies(self, "Dependencies")
        own = FUNCTIONS / name / layer.REQUIREMENTS.name
        stateful = (
            Stateful(
                self,
                "Stateful",
                environment=environment,
                processor=name,
                settings=settings,
                key=lake.key,
            )
            if issubclass(settings, StatefulSettings)
            else None
        )

        consumer = Consumer(
            self,
            "Consumer",
            processor=name,
            source=source.ingestion,
            fan_out=consumption.fan_out,
        )
        function = Function(
            self,
            "Function",
            environment=environment,
            package=name,
            settings=settings(
                stream_name=derived.ingestion.stream.stream_name,
                **(stateful.given(lake.bucket) if stateful else {}),
            ).environment(),
            dependencies=dependencies,
            more=[Dependencies(self, "Own", requirements=own)] if own.exists() else [],
            network=stateful.network if stateful else None,
            key=lake.key,
            memory_mib=environment.processor_memory_mib,
            seconds=environment.processor_seconds,
            description=settings.description,
        )
        failures = FailureQueue(
            self,
            "Failures",
            environment=environment,
            sender=function.role,
            key=lake.key,
            payloads=consumption.payloads,
        )
        payloads = (
            Payloads(self, "Payloads", environment=environment, key=lake.key, failures=failures)
            if consumption.payloads
            else None
        )
        mapping = Mapping(
            self,
            "Mapping",
            consumption=consumption,
            consumer=consumer,
            function=function,
            destination=payloads.bucket_arn if payloads else failures.queue_arn,
        )
        rescue = Rescue(
            self,
            "Rescue",
            environment=environment,
            settings=RescueSettings(
                processor=name,
                event_type=settings.reads,
                function_arn=function.resource.function_arn,
                role_arn=function.role.role_arn,
                stream_arn=source.ingestion.stream.stream_arn,
                source_arn=consumer.arn,
                mapping=mapping.resource.ref,
                factor=consumption.factor,
                log_group=function.log_group.log_group_name,
                bucket=lake.bucket.bucket_name,
                payload_bucket=payloads.bucket_name if payloads else "",
            ),
            dependencies=dependencies,
            key=lake.key,
            failures=failures,
        )
        Alarms(
            self,
            "Alarms",
            topic=lake.alarms,
            watches=watches.of_processor(
                name,
                environment=environment.name,
                retention=source.retention,
                age=consumption.age,
                function={"FunctionName": function.resource.function_name},
                consumer=consumer.dimensions,
                mapping={"EventSourceMappingUUID": mapping.resource.ref},
                queue={"QueueName": failures.queue_name},
                rescue={"FunctionName": rescue.function.resource.function_name},
            ),
        )

        consumer.grant_read(function.role)
        derived.ingestion.grant_write(function.role)
        if payloads:
            payloads.grant_send(function.role)
        else:
            failures.grant_send(function.role)
        if stateful:
            stateful.grant(function.role, bucket=lake.bucket, derived=derived.ingestion)
            stateful.watch(lake.alarms)
        mapping.after(function.role)
        rescue.grant(
            stream_arn=source.ingestion.stream.stream_arn, archive=lake.bucket, payloads=payloads
        )

        fan_out = {"ConsumerArn": consumer.arn} if consumption.fan_out else {}
        publish(
            self,
            ProcessorName=name,
            Reads=settings.reads,
            Emits=settings.emits,
            FunctionName=function.resource.function_name,
            MappingId=mapping.resource.ref,
            FailureQueueUrl=failures.queue_url,
            RescueFunctionName=rescue.function.resource.function_name,
            **fan_out,
            **(stateful.outputs if stateful else {}),
        )
