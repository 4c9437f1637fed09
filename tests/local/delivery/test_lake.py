"""Partitions and Parquet: what the pipeline's own delivery does, and each way to fail in it."""

import base64
import io
import json
import re
from datetime import datetime
from typing import Any

from pyarrow import orc

from tests.local.delivery.conftest import PARTITIONED, Lab, processing
from tests.local.lab import until

KEYED = "data/day=!{partitionKeyFromLambda:day}/"
BY_DAY = """
value = json.loads(data)
return ok(record, value, **({"day": value["day"]} if "day" in value else {}))
"""
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def partitioned(lab: Lab, **more: Any) -> dict[str, Any]:
    return {
        "Prefix": KEYED,
        "BufferingHints": PARTITIONED,
        "DynamicPartitioningConfiguration": {"Enabled": True},
        "ProcessingConfiguration": lab.transform(BY_DAY),
    } | more


def documents(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def raw(line: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(line["rawData"]))


def test_records_become_parquet_in_the_partition_that_the_function_named(lab: Lab) -> None:
    stream = lab.stream(shards=2)
    name = lab.delivery(
        stream, **partitioned(lab, DataFormatConversionConfiguration=lab.conversion())
    )
    moment = "2013-01-01T10:15:00.5Z"
    lab.feed(
        stream,
        *documents(
            {"id": 1, "name": "a", "at": moment, "day": "1"},
            {"id": 2, "name": "b", "at": None, "day": "2"},
            {"ID": "3", "day": "1"},
        ),
    )
    at = datetime(2013, 1, 1, 10, 15, 0, 500_000)  # noqa: DTZ001  the column has no zone
    one, two = ({"id": 1, "name": "a", "at": at}, {"id": 2, "name": "b", "at": None})
    rows = sorted(lab.rows("data/day=1/", 2), key=lambda row: int(row["id"]))
    assert rows == [one, {"id": 3, "name": None, "at": None}]
    assert lab.rows("data/day=2/") == [two]
    (key,) = lab.keys("data/day=2/")
    assert re.fullmatch(rf"data/day=2/{name}-1-[-\d]+{UUID}\.parquet", key)
    assert lab.metric(name, "SucceedConversion.Records") == 3
    assert lab.metric(name, "PartitionCount", "Maximum") == 2


def test_a_record_that_does_not_fit_fails_alone(lab: Lab) -> None:
    conversion = lab.conversion()
    name = lab.delivery(BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 10},
                        DataFormatConversionConfiguration=conversion)  # fmt: skip
    lab.put(name, b'{"id":1}', b'{"id":"x"}', b"{", b'{"id":4}{"id":5}')
    assert [row["id"] for row in lab.rows(count=3)] == [1, 4, 5]
    mismatch, malformed = lab.lines("format-conversion-failed", 2)
    assert (mismatch["lastErrorCode"], mismatch["lastErrorMessage"]) == (
        "DataFormatConversion.MalformedData",
        'Data does not match the schema. For input string: "x"',
    )
    assert malformed["lastErrorCode"] == "DataFormatConversion.ParseError"
    assert malformed["lastErrorMessage"].startswith("Encountered malformed JSON. ")
    schema = conversion["SchemaConfiguration"]
    assert malformed["dataCatalogTable"] == {
        "catalogId": None,
        "databaseName": schema["DatabaseName"],
        "tableName": "rows",
        "region": "us-east-1",
        "versionId": "LATEST",
        "catalogArn": None,
    }
    assert lab.metric(name, "FailedConversion.Records") == 2


def test_nothing_but_failures_writes_no_empty_file(lab: Lab) -> None:
    name = lab.delivery(BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 10},
                        DataFormatConversionConfiguration=lab.conversion())  # fmt: skip
    lab.put(name, b"wrong")
    lab.lines("format-conversion-failed")
    assert lab.keys("data/") == []


def test_orc_is_written_with_its_extension(lab: Lab) -> None:
    conversion = lab.conversion(
        OutputFormatConfiguration={"Serializer": {"OrcSerDe": {"Compression": "ZLIB"}}}
    )
    name = lab.delivery(BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 10},
                        DataFormatConversionConfiguration=conversion)  # fmt: skip
    lab.put(name, b'{"id":1,"name":"a"}')
    ((key, body),) = lab.objects("data/")
    assert key.endswith(".orc")
    assert orc.read_table(io.BytesIO(body)).to_pylist() == [{"id": 1, "name": "a", "at": None}]


def test_a_table_that_changes_counts_from_the_next_object_on(lab: Lab) -> None:
    conversion = lab.conversion({"id": "bigint"})
    name = lab.delivery(BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 10},
                        DataFormatConversionConfiguration=conversion)  # fmt: skip
    lab.put(name, b'{"id":1,"more":"a"}')
    assert lab.rows() == [{"id": 1}]
    storage = {
        "Columns": [{"Name": "id", "Type": "bigint"}, {"Name": "more", "Type": "string"}],
        "Location": "s3://nowhere/",
    }
    lab.glue.update_table(
        DatabaseName=conversion["SchemaConfiguration"]["DatabaseName"],
        TableInput={"Name": "rows", "StorageDescriptor": storage},
    )
    before = set(lab.keys("data/"))
    lab.put(name, b'{"id":2,"more":"b"}')
    (new,) = until(lambda: set(lab.keys("data/")) - before)
    assert lab.rows(new) == [{"id": 2, "more": "b"}]


def test_a_record_without_its_key_goes_to_the_error_output(lab: Lab) -> None:
    name = lab.delivery(**partitioned(lab))
    lab.put(name, *documents({"day": "1"}, {"none": 1}, {"day": ""}))
    lines = lab.lines("metadata-extraction-failed", 2)
    assert [raw(line) for line in lines] == [{"none": 1}, {"day": ""}]
    assert {(line["errorCode"], line["errorMessage"]) for line in lines} == {
        (
            "DynamicPartitioning.MetadataExtractionFailed",
            "partitionKeys values must not be null or empty",
        )
    }
    assert json.loads(lab.objects("data/day=1/")[0][1]) == {"day": "1"}


def test_beyond_500_active_partitions_records_go_to_the_error_output(lab: Lab) -> None:
    name = lab.delivery(**partitioned(lab))
    days = [f"{number:04d}" for number in range(502)]
    lab.put(name, *documents(*({"day": day} for day in days[:400])))
    lab.put(name, *documents(*({"day": day} for day in days[400:])))
    lines = lab.lines("metadata-extraction-failed", 2)
    assert [raw(line)["day"] for line in lines] == days[500:]
    assert {line["errorCode"] for line in lines} == {
        "DynamicPartitioning.ActivePartitionsLimitExceeded"
    }
    until(lambda: len(lab.keys("data/")) == 500)
    lab.put(name, *documents({"day": "again"}))
    lab.objects("data/day=again/")


def test_keys_from_jq_and_from_the_function_make_one_prefix(lab: Lab) -> None:
    query = {"JsonParsingEngine": "JQ-1.6", "MetadataExtractionQuery": "{who: .user.id}"}
    configured = lab.transform("return ok(record, data, day='1')")
    configured["Processors"] += processing(MetadataExtraction=query)["Processors"]
    prefix = "data/who=!{partitionKeyFromQuery:who}/!{partitionKeyFromLambda:day}/"
    name = lab.delivery(**partitioned(lab, Prefix=prefix, ProcessingConfiguration=configured))
    lab.put(name, *documents({"user": {"id": "ann"}}, {"user": 5}), b"no json")
    assert json.loads(lab.objects("data/who=ann/1/")[0][1]) == {"user": {"id": "ann"}}
    lines = lab.lines("metadata-extraction-failed", 2)
    assert {line["errorCode"] for line in lines} == {"DynamicPartitioning.MetadataExtractionFailed"}
    assert lines[-1]["errorMessage"] == "Non JSON record provided"


def test_a_key_is_a_literal_even_if_it_looks_like_an_expression(lab: Lab) -> None:
    name = lab.delivery(**partitioned(lab))
    lab.put(name, *documents({"day": "!{timestamp:yyyy}"}))
    ((key, _),) = lab.objects("data/")
    assert key.startswith("data/day=!{timestamp:yyyy}/")
