"""A CloudEvents 1.0 envelope is an event type by its contract alone."""

import json
from datetime import UTC, datetime

import jsonschema
import msgspec
import pyarrow as pa
import pytest

from events.arrow import arrow_schema
from events.columns import Column, glue_columns
from events.decoding import (
    Decoder,
    Reason,
    Rejected,
    event_date,
    event_id,
    event_time,
    partition_key,
)
from events.schema import json_schema
from tests.events.kinds import CloudEvent, Reading

ENVELOPE = {
    "specversion": "1.0",
    "id": "A234-1234-1234",
    "source": "/roofs/7",
    "type": "com.example.reading",
    "subject": "sensor-12",
    "time": "2024-04-05T17:31:00Z",
    "datacontenttype": "application/json",
    "dataschema": None,
    "data": {"sensor": "sensor-12", "celsius": 21.5, "taken": "2024-04-05T17:30:59Z"},
}


def test_an_envelope_goes_in_and_comes_out_the_same() -> None:
    event = Decoder(CloudEvent).decode(json.dumps(ENVELOPE).encode())
    assert event == CloudEvent(
        specversion="1.0",
        id="A234-1234-1234",
        source="/roofs/7",
        type="com.example.reading",
        subject="sensor-12",
        time=datetime(2024, 4, 5, 17, 31, tzinfo=UTC),
        data=Reading("sensor-12", 21.5, datetime(2024, 4, 5, 17, 30, 59, tzinfo=UTC)),
    )
    assert msgspec.to_builtins(event) == ENVELOPE
    assert (partition_key(event), event_id(event), event_date(event)) == (
        "sensor-12",
        "A234-1234-1234",
        "2024-04-05",
    )
    assert event_time(event) == datetime(2024, 4, 5, 17, 31, tzinfo=UTC)


def test_without_a_subject_the_source_is_the_partition_key() -> None:
    envelope = {key: value for key, value in ENVELOPE.items() if key != "subject"}
    assert partition_key(Decoder(CloudEvent).decode(json.dumps(envelope).encode())) == "/roofs/7"


def test_extension_attributes_are_allowed_and_another_version_or_type_is_not() -> None:
    decoder = Decoder(CloudEvent)
    extended = ENVELOPE | {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    assert decoder.decode(json.dumps(extended).encode()).id == "A234-1234-1234"
    for name in ("specversion", "type"):
        with pytest.raises(Rejected) as verdict:
            decoder.decode(json.dumps(ENVELOPE | {name: "private"}).encode())
        assert (verdict.value.reason, verdict.value.detail) == (
            Reason.OUT_OF_RANGE,
            f"Expected one of the declared values - at `$.{name}`",
        )


def test_its_data_is_a_column_of_its_own_type() -> None:
    columns = glue_columns(CloudEvent)
    assert columns[:9] == [
        Column("specversion", "string", "version of CloudEvents"),
        Column("id", "string", "unique for the source"),
        Column("source", "string", "URI of the producer's context"),
        Column("type", "string", "what happened"),
        Column("time", "timestamp", "when it happened"),
        Column("subject", "string", "what it happened to"),
        Column("datacontenttype", "string", ""),
        Column("dataschema", "string", ""),
        Column("data", "struct<sensor:string,celsius:double,taken:timestamp>", "the reading"),
    ]
    assert arrow_schema(CloudEvent).field("data").type == pa.struct(
        [("sensor", pa.string()), ("celsius", pa.float64()), ("taken", pa.timestamp("us"))]
    )


def test_its_schema_accepts_the_envelope_and_refuses_one_without_a_source() -> None:
    schema = json_schema(CloudEvent)
    jsonschema.validate(ENVELOPE, schema)
    with pytest.raises(jsonschema.ValidationError, match="'source' is a required property"):
        jsonschema.validate({k: v for k, v in ENVELOPE.items() if k != "source"}, schema)
