"""The stack of one processor, in the order in which events flow through it."""

import aws_cdk as cdk
from constructs import Construct

from functions.shared.settings import ProcessorSettings
from infra import watches
from infra.alarms import Alarms
from infra.environments import Environment
from infra.event_type import EventType
from infra.function import Dependencies, Function
from infra.interface import publish, tags
from infra.lake import Lake
from infra.processing import Consumer, FailureQueue, Mapping


class Processor(cdk.Stack):
    """consumer ─► mapping ─► function ─► derived stream; what fails ─► queue"""

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
            settings=settings(stream_name=derived.ingestion.stream.stream_name).environment(),
            dependencies=Dependencies(self, "Dependencies"),
            key=lake.key,
            memory_mib=environment.processor_memory_mib,
            seconds=environment.processor_seconds,
            description=settings.description,
        )
        failures = FailureQueue(
            self, "Failures", environment=environment, sender=function.role, key=lake.key
        )
        mapping = Mapping(
            self,
            "Mapping",
            consumption=consumption,
            consumer=consumer,
            function=function,
            failures=failures,
        )
        Alarms(
            self,
            "Alarms",
            topic=lake.alarms,
            watches=watches.of_processor(
                name,
                retention=source.retention,
                age=consumption.age,
                function={"FunctionName": function.resource.function_name},
                consumer=consumer.dimensions,
                mapping={"EventSourceMappingUUID": mapping.resource.ref},
                queue={"QueueName": failures.queue_name},
            ),
        )

        consumer.grant_read(function.role)
        derived.ingestion.grant_write(function.role)
        failures.grant_send(function.role)
        mapping.after(function.role)

        fan_out = {"ConsumerArn": consumer.arn} if consumption.fan_out else {}
        publish(
            self,
            ProcessorName=name,
            Reads=settings.reads,
            Emits=settings.emits,
            FunctionName=function.resource.function_name,
            MappingId=mapping.resource.ref,
            FailureQueueUrl=failures.queue_url,
            **fan_out,
        )
