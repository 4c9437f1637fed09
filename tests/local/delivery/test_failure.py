"""Error lines, byte for byte in AWS's shapes."""

import json

from local.delivery import failure
from local.delivery.failure import CatalogTable, Reason
from local.delivery.record import Source

SOURCE = Source(b"raw", 1515523428163, "4957", 2, "shardId-000000000000", "key")
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def test_a_transform_failure() -> None:
    reason = Reason("Lambda.FunctionError", "It failed.", 4)
    line = failure.transform(SOURCE, reason, FUNCTION, 1515523505632)
    assert line.kind == "processing-failed"
    assert line.content == (
        b'{"attemptsMade":4,"arrivalTimestamp":1515523428163,"errorCode":"Lambda.FunctionError",'
        b'"errorMessage":"It failed.","attemptEndingTimestamp":1515523505632,"rawData":"cmF3",'
        b'"lambdaARN":"arn:aws:lambda:us-east-1:123456789012:function:f"}\n'
    )


def test_a_conversion_failure_names_the_table() -> None:
    table = CatalogTable(None, "db", "t", "us-east-1", "LATEST")
    reason = Reason("DataFormatConversion.ParseError", "Encountered malformed JSON. x")
    line = failure.conversion(SOURCE, b"new", reason, table, 5)
    assert line.kind == "format-conversion-failed"
    assert json.loads(line.content) == {
        "attemptsMade": 1,
        "arrivalTimestamp": 1515523428163,
        "lastErrorCode": "DataFormatConversion.ParseError",
        "lastErrorMessage": "Encountered malformed JSON. x",
        "attemptEndingTimestamp": 5,
        "rawData": "bmV3",
        "sequenceNumber": "4957",
        "subSequenceNumber": 2,
        "dataCatalogTable": {
            "catalogId": None,
            "databaseName": "db",
            "tableName": "t",
            "region": "us-east-1",
            "versionId": "LATEST",
            "catalogArn": None,
        },
    }


def test_a_partitioning_failure() -> None:
    reason = Reason("DynamicPartitioning.MetadataExtractionFailed", "Non JSON record provided")
    line = failure.partitioning(SOURCE, b"new", reason, 5)
    assert line.kind == "metadata-extraction-failed"
    assert json.loads(line.content) == {
        "attemptsMade": 1,
        "arrivalTimestamp": 1515523428163,
        "errorCode": "DynamicPartitioning.MetadataExtractionFailed",
        "errorMessage": "Non JSON record provided",
        "attemptEndingTimestamp": 5,
        "rawData": "bmV3",
    }


def test_an_endpoint_failure_names_the_record() -> None:
    line = failure.http_endpoint(SOURCE, b"new", Reason("HttpEndpoint.X", "no", 5), 6)
    assert line.kind == "http-endpoint-failed"
    assert json.loads(line.content) == {
        "attemptsMade": 5,
        "arrivalTimestamp": 1515523428163,
        "errorCode": "HttpEndpoint.X",
        "errorMessage": "no",
        "attemptEndingTimestamp": 6,
        "rawData": "bmV3",
        "subsequenceNumber": 2,
        "dataId": "4957.2",
    }
