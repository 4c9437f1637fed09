"""What is deployed for an event type, and the interface by which clients find it and processors."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from events import registry
from events.columns import glue_columns
from events.contract import OnDemand
from events.presence import required
from functions.delivery_transform.settings import BUFFER_MEGABYTES
from infra import layer
from infra.environments import named
from tests.infra.assembly import Assembly, synthesize

PARTS = ("_delivered", "_compacted", "_swap", "_unique")
"""What an event type's rows lie in, and what says which count."""
QUERIES = {"cancellations_by_hour", "most_flown_aircraft", "worst_carriers"}
TYPE_OUTPUTS = {
    "EventType",
    "StreamName",
    "DeliveryStreamName",
    "TableName",
    "UniqueName",
    "DeliveredName",
    "RejectedName",
    "ResubmittedName",
    "ResubmissionStreamName",
    "AuditFunctionName",
    "CompactionFunctionName",
    "TransformFunctionName",
    "DataPrefix",
    "ErrorPrefix",
}
SCALER_OUTPUTS = {"ScalerFunctionName"}
PROCESSORS: Mapping[str, set[str]] = {
    "delay_alerts": set(),
    "release_health": {"CacheName", "CacheAddress", "VerdictTopicArn"},
}
"""With the outputs that each has beyond those of all."""
LAKE_OUTPUTS = {
    "BucketName",
    "DatabaseName",
    "FailuresName",
    "WorkGroupName",
    "KeyArn",
    "AlarmTopicArn",
}
PROCESSOR_OUTPUTS = {
    "ProcessorName",
    "Reads",
    "Emits",
    "FunctionName",
    "ConsumerArn",
    "MappingId",
    "FailureQueueUrl",
    "RescueFunctionName",
}


def stack_of(assembly: Assembly, name: str) -> str:
    """Of an event type or a processor."""
    return f"Headrace-{assembly.environment}-{name.replace('_', '-')}"


def test_there_is_a_lake_and_a_stack_per_event_type_and_processor_found_by_their_tags(
    assembly: Assembly,
) -> None:
    stages = {"lake": f"Headrace-{assembly.environment}-lake"}
    stages |= {name: stack_of(assembly, name) for name in registry.names()}
    wanted = {stack: ("headrace:stage", stage) for stage, stack in stages.items()}
    wanted |= {stack_of(assembly, name): ("headrace:processor", name) for name in PROCESSORS}
    assert {name: stack["tags"] for name, stack in assembly.manifest.items()} == {
        stack: {"headrace:environment": assembly.environment, tag: value}
        for stack, (tag, value) in wanted.items()
    }


def test_the_outputs_are_the_interface(assembly: Assembly) -> None:
    outputs = {
        stack: {name for name, output in template["Outputs"].items() if "Export" not in output}
        for stack, template in assembly.templates.items()
    }
    lake = f"Headrace-{assembly.environment}-lake"
    scaled = named(assembly.environment).scalings
    assert outputs == {
        lake: LAKE_OUTPUTS,
        **{
            stack_of(assembly, name): TYPE_OUTPUTS | (SCALER_OUTPUTS if name in scaled else set())
            for name in registry.names()
        },
        **{stack_of(assembly, name): PROCESSOR_OUTPUTS | more for name, more in PROCESSORS.items()},
    }
    flight = assembly.templates[stack_of(assembly, "flight")]["Outputs"]
    assert {name: flight[name]["Value"] for name in ("EventType", "DataPrefix", "ErrorPrefix")} == {
        "EventType": "flight",
        "DataPrefix": "events/flight/",
        "ErrorPrefix": "errors/flight/",
    }


def test_a_stream_has_the_capacity_and_retention_of_its_contract(assembly: Assembly) -> None:
    found = {
        stream.stack: (
            stream.properties["RetentionPeriodHours"],
            stream.properties["StreamModeDetails"]["StreamMode"],
            stream.properties.get("ShardCount"),
        )
        for stream in assembly.resources("AWS::Kinesis::Stream")
    }
    wanted = {}
    for name, kind in registry.types().items():
        capacity = kind.contract.capacity
        hours = kind.contract.retention.total_seconds() / 3600
        wanted[stack_of(assembly, name)] = (
            (hours, "ON_DEMAND", None)
            if isinstance(capacity, OnDemand)
            else (hours, "PROVISIONED", capacity.shards)
        )
    assert found == wanted


def test_a_table_has_the_columns_of_its_class_and_projects_its_partitions(
    assembly: Assembly,
) -> None:
    tables = {
        table.properties["TableInput"]["Name"]: table.properties["TableInput"]
        for table in assembly.resources("AWS::Glue::Table")
    }
    assert set(tables) == {
        f"{name}{suffix}"
        for name in registry.names()
        for suffix in ("", *PARTS, "_errors", "_verdicts", "_rejected", "_resubmitted")
    } | {"failure_lines", "failures"}
    for name, kind in registry.types().items():
        table = tables[f"{name}_delivered"]
        assert [
            (column["Name"], column["Type"], column.get("Comment", ""))
            for column in table["StorageDescriptor"]["Columns"]
        ] == list(glue_columns(kind))
        assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [
            ("event_date", "string")
        ]
        parameters = dict(table["Parameters"])
        template = parameters.pop("storage.location.template")
        assert template["Fn::Join"][1][-1] == f"/events/{name}/event_date=${{event_date}}/"
        assert parameters == {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.event_date.type": "date",
            "projection.event_date.format": "yyyy-MM-dd",
            "projection.event_date.range": f"{kind.contract.first_date},NOW+1DAYS",
            "projection.event_date.interval": "1",
            "projection.event_date.interval.unit": "DAYS",
            "headrace.partition_key": ",".join(kind.contract.partition_key),
            "headrace.event_id": kind.contract.event_id,
            "headrace.event_time": kind.contract.event_time,
            "headrace.required": ",".join(required(kind)),
        }


def test_delivery_reads_the_stream_or_takes_puts_and_transforms_converts_and_partitions(
    assembly: Assembly,
) -> None:
    environment = named(assembly.environment)
    tables = {
        table.properties["TableInput"]["Name"]: table.name
        for table in assembly.resources("AWS::Glue::Table")
    }
    for stream in assembly.resources("AWS::KinesisFirehose::DeliveryStream"):
        name = assembly.manifest[stream.stack]["tags"]["headrace:stage"]
        direct = stream.name.startswith("Resubmission")
        other = "Delivery" if direct else "Resubmission"
        ids = {
            resource.type: resource.name
            for resource in assembly.resources()
            if resource.stack == stream.stack
            and "Backup" not in resource.name
            and not resource.name.startswith(("Audit", "Compaction", "Scaler", other))
        }
        destination = stream.properties["ExtendedS3DestinationConfiguration"]
        (processor,) = destination["ProcessingConfiguration"]["Processors"]
        parameters = {
            parameter["ParameterName"]: parameter["ParameterValue"]
            for parameter in processor["Parameters"]
        }
        parameters.pop("RoleArn")
        schema = destination["DataFormatConversionConfiguration"]["SchemaConfiguration"]
        assert {
            "source": stream.properties.get("KinesisStreamSourceConfiguration", {}).get(
                "KinesisStreamARN"
            ),
            "transform": parameters,
            "table": schema["TableName"],
            "hints": destination["BufferingHints"],
            "partitioning": destination["DynamicPartitioningConfiguration"]["Enabled"],
            "prefix": destination["Prefix"],
            "errors": destination["ErrorOutputPrefix"],
            "log": destination["CloudWatchLoggingOptions"]["LogStreamName"],
        } == {
            "source": None if direct else {"Fn::GetAtt": [ids["AWS::Kinesis::Stream"], "Arn"]},
            "transform": {
                "LambdaArn": {"Fn::GetAtt": [ids["AWS::Lambda::Function"], "Arn"]},
                "BufferIntervalInSeconds": "15",
                "BufferSizeInMBs": str(BUFFER_MEGABYTES),
                "NumberOfRetries": "300",
            },
            "table": {"Ref": tables[f"{name}_delivered"]},
            "hints": {
                "IntervalInSeconds": environment.buffer_seconds,
                "SizeInMBs": environment.buffer_mib,
            },
            "partitioning": True,
            "prefix": f"events/{name}/event_date=!{{partitionKeyFromLambda:event_date}}/",
            "errors": f"errors/{name}/arrival_date=!{{timestamp:yyyy-MM-dd}}/"
            "!{firehose:error-output-type}/",
            "log": {"Ref": ids["AWS::Logs::LogStream"]},
        }
        if direct:
            at_rest = stream.properties["DeliveryStreamEncryptionConfigurationInput"]
            assert stream.properties["DeliveryStreamType"] == "DirectPut"
            assert (at_rest["KeyType"], bool(assembly.key(at_rest["KeyARN"]))) == (
                "CUSTOMER_MANAGED_CMK",
                True,
            )


def test_the_workgroup_cannot_be_widened_and_ships_its_queries(assembly: Assembly) -> None:
    (workgroup,) = assembly.resources("AWS::Athena::WorkGroup")
    configuration = workgroup.properties["WorkGroupConfiguration"]
    assert (
        workgroup.properties["Name"],
        configuration["EnforceWorkGroupConfiguration"],
        configuration["BytesScannedCutoffPerQuery"],
        configuration["ResultConfiguration"]["OutputLocation"]["Fn::Join"][1][-1],
    ) == (
        f"headrace-{assembly.environment}",
        True,
        named(assembly.environment).scan_limit_bytes,
        "/athena/",
    )
    queries = {
        query.properties["Name"]: query.properties
        for query in assembly.resources("AWS::Athena::NamedQuery")
    }
    assert set(queries) == QUERIES
    for query in queries.values():
        sql = query["QueryString"]["Fn::Join"][1]
        assert {"Ref": "Database"} in sql and not query["Description"].startswith("--")
        assert query["WorkGroup"] == {"Ref": workgroup.name}


def test_a_function_gets_the_environment_that_its_settings_spell(assembly: Assembly) -> None:
    found = {}
    for function in assembly.resources("AWS::Lambda::Function"):
        package = function.properties["Handler"].split(".")[1]
        found[function.stack, package] = function.properties["Environment"]["Variables"]
        assert found[function.stack, package].pop("HEADRACE_ENVIRONMENT") == assembly.environment
    alerts = found.pop((stack_of(assembly, "delay_alerts"), "delay_alerts"))
    assert assembly.export(alerts.pop("STREAM_NAME"))[0] == stack_of(assembly, "delay_alert")
    assert alerts == {"POWERTOOLS_LOG_LEVEL": "INFO", "LATE_MINUTES": "60"}
    found.pop((stack_of(assembly, "release_health"), "release_health"))  # test_state.py
    for processor, reads in (("delay_alerts", "flight"), ("release_health", "device_telemetry")):
        rescue = found.pop((stack_of(assembly, processor), "rescue"))
        assert (rescue["PROCESSOR"], rescue["EVENT_TYPE"]) == (processor, reads)
        assert assembly.export(rescue["STREAM_ARN"])[0] == stack_of(assembly, reads)
        assert assembly.export(rescue["BUCKET"])[0] == stack_of(assembly, "lake")
    told = {}
    for where, variables in found.items():
        assert "Fn::ImportValue" in variables["BUCKET"]
        if where[1] == "shard_scaler":
            continue  # tests/infra/test_scaler.py
        prefixes = {value for word, value in variables.items() if word.endswith("_PREFIX")}
        told[where] = (variables["EVENT_TYPE"], prefixes)
    assert told == {
        (stack_of(assembly, name), package): (name, {f"{prefix}/{name}/" for prefix in prefixes})
        for name in registry.names()
        for package, prefixes in (
            ("delivery_transform", ("rejected",)),
            ("compaction", ("events", "compacted", "compaction")),
            ("audit", ("audits",)),
        )
    }


def test_synthesizing_again_elsewhere_gives_the_same_files(
    assemblies: Mapping[str, Assembly], tmp_path: Path
) -> None:
    """No path, time or random name enters an assembly, nor the bytecode that an import from the
    layer has left there since; without a context it is dev's."""
    again = tmp_path / "elsewhere"
    with bytecode(layer.folder() / "python"), synthesize(None, again) as process:
        assert process.communicate() == ("", "")
    assert _files(again) == _files(assemblies["dev"].folder)


@contextmanager
def bytecode(folder: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="imported-", dir=folder) as module:
        cached = Path(module) / "__pycache__" / "module.pyc"
        cached.parent.mkdir()
        cached.write_bytes(b"bytecode")
        yield


def _files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
