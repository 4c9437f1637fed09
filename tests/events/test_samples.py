"""Every sample file ends as its folder says."""

import re
from typing import Any

import jsonschema
import msgspec
import pytest

from events import registry
from events.decoding import Decoder, Reason, Rejected
from events.schema import json_schema
from tests.events.samples import ARRIVAL, Sample, samples

# What JSON Schema can judge as the decoder does; the other reasons lie before JSON or in the date.
OF_THE_SHAPE = {
    Reason.NOT_OBJECT,
    Reason.MISSING_FIELD,
    Reason.UNKNOWN_FIELD,
    Reason.WRONG_TYPE,
    Reason.OUT_OF_RANGE,
}
# Beyond JSON Schema: its date-time is any text unless a checker is installed; years know no UTC.
ONLY_OURS = {
    "timestamp_without_offset",
    "impossible_date",
    "year_10000_in_utc",
    "infinite_float",
}


@pytest.mark.parametrize("sample", samples("valid"), ids=str)
def test_a_valid_sample_is_decoded_and_encodes_to_what_decodes_to_the_same(sample: Sample) -> None:
    decoder = Decoder(sample.kind)
    event = decoder.decode(sample.data, ARRIVAL)
    assert decoder.decode(msgspec.json.encode(event), ARRIVAL) == event


@pytest.mark.parametrize("sample", samples("rejected"), ids=str)
def test_a_wrong_sample_is_rejected_for_the_reason_of_its_folder(sample: Sample) -> None:
    with pytest.raises(Rejected) as verdict:
        Decoder(sample.kind).decode(sample.data, ARRIVAL)
    assert verdict.value.reason == sample.expected


def test_every_reason_has_a_sample_but_the_one_that_is_too_large_to_commit() -> None:
    shown = {sample.expected for sample in samples("rejected")}
    assert shown == set(Reason) - {Reason.TOO_DEEP}


@pytest.mark.parametrize("sample", samples("rejected"), ids=str)
def test_a_rejection_tells_no_value_of_the_payload(sample: Sample) -> None:
    with pytest.raises(Rejected) as verdict:
        Decoder(sample.kind).decode(sample.data, ARRIVAL)
    assert [text for text in _texts(sample.data) if text in verdict.value.detail] == []


@pytest.mark.parametrize("sample", samples("valid"), ids=str)
def test_the_json_schema_accepts_every_valid_sample(sample: Sample) -> None:
    jsonschema.validate(msgspec.json.decode(sample.data), json_schema(sample.kind))


@pytest.mark.parametrize(
    "sample",
    [
        sample
        for sample in samples("rejected")
        if sample.expected in OF_THE_SHAPE and sample.path.stem not in ONLY_OURS
    ],
    ids=str,
)
def test_the_json_schema_refuses_every_sample_of_a_wrong_shape(sample: Sample) -> None:
    value = msgspec.json.decode(sample.data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, json_schema(sample.kind))


def test_the_smallest_sample_of_a_type_is_the_smallest_there_is() -> None:
    for name in registry.names():
        sizes = {
            sample.path.stem: len(sample.data)
            for sample in samples("valid")
            if sample.type_name == name
        }
        assert min(sizes, key=sizes.__getitem__) == "smallest"


def _texts(data: bytes) -> list[str]:
    """Every value of the payload that is long enough not to be found by chance."""
    try:
        texts = [str(value) for value in _values(msgspec.json.decode(data))]
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = data.decode("latin-1")
        texts = [text, *re.findall(r': ?"([^"]+)"', text)]
    return [text for text in texts if len(text) > 4]


def _values(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in _values(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in _values(inner)]
    return [value]
