"""PutRecord and PutRecords: one typed C pass over the body in the good case.

A request that does not decode is decoded again, loosely, and checked against AWS's model,
which says what is wrong in AWS's words.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from local import model, routes
from local.http import Request, Response
from local.kinesis import errors, sequence
from local.kinesis.call import find_stream
from local.kinesis.log import HASH_KEYS, key_size
from local.kinesis.stream import Entry, Put, Stream
from local.routes import AWSError

MOST_BYTES = 10 * 2**20
PartitionKey = Annotated[str, Meta(min_length=1, max_length=256)]
HashKey = Annotated[str, Meta(pattern=r"^(0|([1-9]\d{0,38}))$")]


class Sent(Struct, gc=False):
    """A record as a client sends it."""

    Data: bytes
    PartitionKey: PartitionKey
    ExplicitHashKey: HashKey | None = None


class PutRecords(Struct):
    Records: Annotated[list[Sent], Meta(min_length=1, max_length=500)]
    StreamName: str | None = None
    StreamARN: str | None = None
    DryRun: bool | None = None


class PutRecord(Sent):
    StreamName: str | None = None
    StreamARN: str | None = None
    SequenceNumberForOrdering: str | None = None
    DryRun: bool | None = None


class Result(Struct, gc=False, omit_defaults=True):
    """What became of one record."""

    SequenceNumber: str | None = None
    ShardId: str | None = None
    ErrorCode: str | None = None
    ErrorMessage: str | None = None


_records = msgspec.json.Decoder(PutRecords)
_record = msgspec.json.Decoder(PutRecord)


def put_records(request: Request) -> Response:
    sent: PutRecords = _decode(_records, "PutRecords", request)
    stream = _stream(request, sent)
    total = _require_sizes(stream, sent.Records)
    if total > MOST_BYTES:
        raise errors.invalid("Records size exceeds 10 MB limit")
    puts = stream.put([_entry(record) for record in sent.Records])
    results = [_result(put, stream) for put in puts]
    failed = sum(put.sequence_number is None for put in puts)
    stream.report(
        {
            "PutRecords.Bytes": total,
            "PutRecords.Success": float(failed < len(puts)),
            "PutRecords.TotalRecords": len(puts),
            "PutRecords.SuccessfulRecords": len(puts) - failed,
            "PutRecords.FailedRecords": 0,
            "PutRecords.ThrottledRecords": failed,
        }
    )
    return routes.answer(
        {
            "FailedRecordCount": failed,
            "Records": results,
            **encryption(stream),
        }
    )


def put_record(request: Request) -> Response:
    sent: PutRecord = _decode(_record, "PutRecord", request)
    stream = _stream(request, sent)
    ordering = sent.SequenceNumberForOrdering
    if ordering is not None and not _is_number(ordering):
        raise errors.invalid(f"ExclusiveMinimumSequenceNumber {ordering} is invalid.")
    size = _require_sizes(stream, [sent])
    (put,) = stream.put([_entry(sent)])
    taken = float(put.sequence_number is not None)
    stream.report({"PutRecord.Bytes": size, "PutRecord.Success": taken})
    if put.sequence_number is None:
        raise errors.rate(put.shard_id, stream.name)
    number = str(put.sequence_number)
    return routes.answer({"ShardId": put.shard_id, "SequenceNumber": number, **encryption(stream)})


def encryption(stream: Stream) -> dict[str, str]:
    """EncryptionType, which answers and records carry when the stream is encrypted."""
    return {} if stream.key is None else {"EncryptionType": "KMS"}


def _decode(decoder: msgspec.json.Decoder[Any], operation: str, request: Request) -> Any:
    try:
        return decoder.decode(request.body)
    except msgspec.MsgspecError as error:
        _require_keys(model.service("kinesis").checked(operation, request))
        raise AWSError("SerializationException", str(error)) from error


def _require_keys(parameters: dict[str, Any]) -> None:
    """A partition key is optional in the model only for a distribution we do not have."""
    records = parameters.get("Records")
    if records is None and parameters.get("PartitionKey") is None:
        raise model.invalid(_missing("partitionKey"))
    for position, record in enumerate(records or (), 1):
        if record.get("PartitionKey") is None:
            raise model.invalid(_missing(f"records.{position}.member.partitionKey"))


def _missing(where: str) -> str:
    return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _stream(request: Request, sent: PutRecord | PutRecords) -> Stream:
    if sent.DryRun:
        raise errors.unsupported("the DryRun parameter")
    return find_stream(routes.region(request), sent.StreamName, sent.StreamARN)


def _require_sizes(stream: Stream, records: list[Any]) -> int:
    """The bytes of all records, none of which is larger than the stream allows."""
    most, total = stream.most_kib * 1024, 0
    for position, record in enumerate(records, 1):
        size = len(record.Data) + key_size(record.PartitionKey)
        total += size
        if size > most:
            where = "data" if len(records) == 1 else f"records.{position}.member.data"
            raise model.invalid(
                f"Value at '{where}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {most}"
            )
    return total


def _entry(sent: Sent) -> Entry:
    if sent.ExplicitHashKey is None:
        return Entry(sent.Data, sent.PartitionKey)
    explicit = int(sent.ExplicitHashKey)
    if explicit >= HASH_KEYS:
        raise errors.invalid(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit}"
        )
    return Entry(sent.Data, sent.PartitionKey, explicit)


def _result(put: Put, stream: Stream) -> Result:
    if put.sequence_number is not None:
        return Result(str(put.sequence_number), put.shard_id)
    message = errors.rate_message(put.shard_id, stream.name)
    return Result(ErrorCode="ProvisionedThroughputExceededException", ErrorMessage=message)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,129}", text) is not None and sequence.parse(int(text)) is not None
