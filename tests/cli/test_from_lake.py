"""`headrace replay --from-lake`: from the table to the stream, on the local AWS."""

import io
import json
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.athena import Database
from cli.chosen import Chosen
from cli.rows import Rows, query
from cli.stacks import Lake
from events.arrow import arrow_schema
from events.columns import glue_columns
from events.contract import Event
from events.decoding import Decoder
from events.device_telemetry.event import DeviceTelemetry
from events.flight.event import Flight
from events.mark import split
from tests.cli.conftest import Headrace, create_stack, heed_ctrl_c, users
from tests.conftest import AWS, ROOT
from tests.events.kinds import Colour, Everything, Reading
from tests.events.samples import samples

LAKE = "again-lake"
NAMES = {"BucketName": LAKE, "DatabaseName": "again", "WorkGroupName": "again"}
START = datetime(2025, 3, 1, tzinfo=UTC)


def database(aws: AWS) -> Database:
    return Database(aws.client("athena"), msgspec.convert(NAMES, Lake))


class Table:
    """Events of one type in a lake of these tests: a table of one file that has each event once."""

    def __init__(self, aws: AWS, name: str, kind: type[Event]) -> None:
        self.aws, self.name, self.kind = aws, name, kind
        serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        columns = [{"Name": one.name, "Type": one.type} for one in glue_columns(kind)]
        aws.client("glue").create_table(
            DatabaseName="again",
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": {
                    "Columns": columns,
                    "Location": f"s3://{LAKE}/{name}/",
                    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                    "OutputFormat": (
                        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
                    ),
                    "SerdeInfo": {"SerializationLibrary": serde},
                },
            },
        )

    def write(self, events: list[Event], places: list[dict[str, Any]] | None = None) -> None:
        """These are the events of the table, each with its delivery columns."""
        schema = arrow_schema(self.kind)
        rows = [
            {field.lower(): _stored(value) for field, value in _fields(event).items()} | place
            for event, place in zip(events, places or [{}] * len(events), strict=True)
        ]
        body = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), body)
        self.aws.client("s3").put_object(
            Bucket=LAKE, Key=f"{self.name}/one.parquet", Body=body.getvalue()
        )

    def choose(self, where: str = "true", limit: int | None = None) -> list[Any]:
        """The events of a run."""
        sql = query(self.name, self.kind, self.name, where, limit)
        asked = database(self.aws)
        run = asked.execution(asked.start(sql))
        source = Chosen(self.aws.client("s3"), run.location, Rows(self.kind).event, part=997)
        return [Decoder(self.kind).decode(line) for lines in source.lines() for line in lines]


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
    return {encoded: getattr(value, name) for encoded, name in names}


def _stored(value: Any) -> Any:
    """A value as pyarrow takes it: instants are UTC without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, msgspec.Struct):
        return {name.lower(): _stored(one) for name, one in _fields(value).items()}
    if isinstance(value, list):
        return [_stored(one) for one in value]
    if isinstance(value, dict):
        return [(key, _stored(one)) for key, one in value.items()]
    return value if isinstance(value, date) else msgspec.to_builtins(value)


@pytest.fixture(scope="module")
def lake(aws: AWS) -> str:
    aws.client("s3").create_bucket(Bucket=LAKE)
    aws.client("glue").create_database(DatabaseInput={"Name": "again"})
    aws.client("athena").create_work_group(
        Name="again",
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{LAKE}/athena/"}},
    )
    return LAKE


NOON = datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC)
READING = Reading(sensor='a "b", {c=d}\n\\', celsius=-0.1, taken=NOON)
KINDS = [
    Everything(id="least", time=datetime(2020, 1, 1, tzinfo=UTC)),
    Everything(
        id="' \u2028\x01\U0001f600 \"\\",
        time=NOON,
        number=255,
        share=1.7976931348623157e308,
        flag=True,
        day=date(1, 1, 1),
        uuid=UUID(int=7),
        colour=Colour.BLUE,
        level=3,
        camel="{}",
        tags=["", "null", "[1]", "\t"],
        matrix=[[], [0.1, 5e-324, 1e22], [-0.0]],
        limits={"": 0, 'k"ey': 255},
        readings={"r": [READING, Reading(sensor="", celsius=60.0)], "none": []},
    ),
]


def test_every_kind_of_column_comes_back_through_athena(aws: AWS, lake: str) -> None:
    assert lake
    table = Table(aws, "everything", Everything)
    table.write([*KINDS])
    assert table.choose() == KINDS


@pytest.mark.parametrize("kind", [Flight, DeviceTelemetry])
def test_every_sample_comes_back_through_athena(aws: AWS, lake: str, kind: type[Event]) -> None:
    assert lake
    events = {
        one.event_id: one
        for sample in samples("valid")
        if sample.kind is kind
        for one in [_to_the_millisecond(Decoder(kind).decode(sample.data))]
    }
    table = Table(aws, f"samples_of_{kind.__name__.lower()}", kind)
    table.write([*events.values()])
    assert {one.event_id: one for one in table.choose()} == events


def _to_the_millisecond(event: Any) -> Any:
    return msgspec.structs.replace(
        event,
        **{
            name: value.replace(microsecond=value.microsecond // 1000 * 1000)
            for name in event.__struct_fields__
            if isinstance(value := getattr(event, name), datetime)
        },
    )


def report(device: str, counter: int, *, minute: int | None = None) -> DeviceTelemetry:
    return DeviceTelemetry(
        event_id=f"{device}-{counter}",
        event_time=START + timedelta(minutes=counter if minute is None else minute),
        device=device,
        boot_id=1,
        counter=counter,
        release="1.2.3",
        model="m",
        region="r",
        heap_bytes=2**40,
        cpu=0.1,
        uptime_seconds=0,
        crashed=False,
    )


def placed(number: int | None, subsequence: int = 0, *, shard: int = 0) -> dict[str, Any]:
    return {
        "shard_id": f"shardId-{shard:012}",
        "sequence_number": None if number is None else str(number),
        "subsequence_number": None if number is None else subsequence,
    }


def test_no_event_overtakes_one_of_its_key_and_shards_take_turns(aws: AWS, lake: str) -> None:
    """By their numbers, which are no text; from a shard to the one that it was split into; in an
    aggregated record; late ones where they arrived, and unplaced ones where their time says."""
    assert lake
    arrivals = [
        (report("a", 1), placed(99)),
        (report("b", 2), placed(5000, shard=1)),
        (report("a", 3), placed(100, 0)),
        (report("a", 4, minute=-30), placed(100, 1)),
        (report("b", 5), placed(5001, shard=1)),
        (report("a", 6), placed(9000, shard=2)),
        (report("b", 7), placed(None)),
        (report("a", 8), placed(10000, shard=2)),
        (report("b", 9), placed(5002, shard=1)),
    ]
    table = Table(aws, "in_order", DeviceTelemetry)
    stored = [arrivals[at] for at in (8, 2, 5, 0, 7, 3, 6, 1, 4)]
    table.write([event for event, _ in stored], [place for _, place in stored])
    assert [event.counter for event in table.choose()] == list(range(1, 10))
    assert [event.counter for event in table.choose("device = 'b' -- only")] == [2, 5, 7, 9]
    assert [event.counter for event in table.choose("true", limit=2)] == [1, 2]


KEYS, EVENTS = 12, 1200


@pytest.fixture(scope="module")
def again(aws: AWS, lake: str) -> str:
    """Environments `again` and `other`, each with a stream, and a lake that `again` fills."""
    create_stack(aws, "lake", NAMES, environment="again")
    for name in ("again", "other"):
        outputs = {
            "EventType": "device_telemetry",
            "StreamName": f"{name}-telemetry",
            "DeliveryStreamName": "none",
            "TableName": "none",
            "UniqueName": "again_telemetry",
            "TransformFunctionName": "none",
            "DataPrefix": "none/",
            "ErrorPrefix": "none/",
        }
        create_stack(aws, "device_telemetry", outputs, environment=name)
        aws.client("kinesis").create_stream(StreamName=f"{name}-telemetry", ShardCount=2)
    Table(aws, "again_telemetry", DeviceTelemetry).write(
        [report(f"device-{number % KEYS}", number) for number in range(EVENTS)],
        [placed(10**6 + number) for number in range(EVENTS)],
    )
    return lake


@pytest.fixture
def headrace(again: str, aws: AWS, here: Headrace) -> Headrace:
    assert again
    environment = aws.env | {"HEADRACE_ENV": "again"}
    return partial(here, "replay", "device_telemetry", "--from-lake", env=environment)


class Arrived:
    """What came on a stream since this began to look."""

    def __init__(self, aws: AWS, stream: str) -> None:
        self.kinesis = aws.client("kinesis")
        self.iterators = [
            self.kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
            )["ShardIterator"]
            for shard in self.kinesis.list_shards(StreamName=stream)["Shards"]
        ]

    def __call__(self) -> list[tuple[str, bytes]]:
        pages = [self.kinesis.get_records(ShardIterator=one) for one in self.iterators]
        return [user for page in pages for one in page["Records"] for user in users(one)]


def counters(records: list[tuple[str, bytes]]) -> dict[str, list[int]]:
    """The numbers of the events of each key, as they stand on the stream."""
    found: dict[str, list[int]] = {}
    for key, data in records:
        found.setdefault(key, []).append(json.loads(split(data)[1])["counter"])
    return found


def test_events_are_put_marked_and_in_order_on_another_environments_stream(
    aws: AWS, headrace: Headrace
) -> None:
    here, other = Arrived(aws, "again-telemetry"), Arrived(aws, "other-telemetry")
    done = headrace("--where", "counter < 1000", "--to", "other", "--json")
    assert done.returncode == 0, done.stderr
    run = re.fullmatch(
        r"Run (\S{36}): [\d.]+ KB scanned in [\d.]+ s; costs \$0\.000048 on AWS\.\n", done.stderr
    )
    assert run
    account = json.loads(done.stdout)
    told = account.pop("from_lake")
    assert told.pop("scanned_bytes") > 0
    assert told == {"lake": LAKE, "run": run[1], "after": 0, "cost": pytest.approx(0.0000477, 0.01)}
    assert (account["stream"], account["put"], account["read"]) == ("other-telemetry", 1000, 1000)
    records = other()
    assert here() == []
    assert counters(records) == {
        f"device-{key}": list(range(key, 1000, KEYS)) for key in range(KEYS)
    }
    marks = {split(data)[0] for _, data in records}
    assert [(mark.kind, mark.lake, mark.run) for mark in marks if mark] == [
        ("replayed", LAKE, run[1])
    ]
    decode = Decoder(DeviceTelemetry).decode
    events = [decode(split(data)[1]) for _, data in records]
    assert all(event == report(event.device, event.counter) for event in events)


def test_a_dry_run_counts_and_puts_nothing_and_its_run_can_be_put(
    aws: AWS, headrace: Headrace
) -> None:
    here = Arrived(aws, "again-telemetry")
    done = headrace("--where", "counter < 24", "--dry-run", "--rate", "500")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "24 device_telemetry events (0.0 MB, event times 2025-03-01 00:00 to 2025-03-01 00:23) "
        "would be put on again-telemetry.\n"
    )
    *_, command = done.stderr.splitlines()
    typed = re.fullmatch(
        r"Put them without another query: headrace replay device_telemetry --from-lake"
        r" (--run \S+ --rate 500 --env again)",
        command,
    )
    assert typed
    assert here() == []
    put = headrace(*typed[1].split(), "--json")
    assert put.returncode == 0, put.stderr
    account = json.loads(put.stdout)
    assert (account["put"], account["from_lake"]["cost"]) == (24, 0)
    assert counters(here()) == {f"device-{key}": list(range(key, 24, KEYS)) for key in range(KEYS)}


def test_a_dry_run_tells_json(headrace: Headrace) -> None:
    done = headrace("--where", "counter IN (3, 5)", "--dry-run", "--json")
    account = json.loads(done.stdout)
    assert account.pop("from_lake")["lake"] == LAKE
    size = account.pop("bytes")
    assert size > 2 * len(msgspec.json.encode(report("device-3", 3)))
    assert account == {
        "event_type": "device_telemetry",
        "stream": "again-telemetry",
        "events": 2,
        "first": "2025-03-01T00:03:00Z",
        "last": "2025-03-01T00:05:00Z",
        "invalid": {},
    }


def test_a_run_is_put_in_pieces(aws: AWS, headrace: Headrace) -> None:
    here = Arrived(aws, "again-telemetry")
    whole = headrace("--where", "counter < 100", "--dry-run", "--json")
    run = json.loads(whole.stdout)["from_lake"]["run"]
    for after, limit in ((0, 40), (40, 30), (70, 30), (100, 1)):
        done = headrace("--run", run, "--after", str(after), "--limit", str(limit), "--json")
        assert (done.returncode, json.loads(done.stdout)["put"]) == (0, min(limit, 100 - after))
    assert counters(here()) == {f"device-{key}": list(range(key, 100, KEYS)) for key in range(KEYS)}


def test_ctrl_c_says_how_to_go_on(aws: AWS, again: str) -> None:
    assert again
    here = Arrived(aws, "again-telemetry")
    command = [sys.executable, "-m", "cli.main", "replay", "device_telemetry", "--from-lake"]
    with subprocess.Popen(
        [*command, "--where", "true", "--rate", "100"],
        cwd=ROOT,
        env=aws.env | {"HEADRACE_ENV": "again"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stderr
        while not here():
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    told = re.search(r"Go on with: headrace (replay .* --run \S+ --after (\d+) .*)\n$", err)
    assert told, err
    done = aws.run(sys.executable, "-m", "cli.main", *told[1].replace(" --rate 100", "").split())
    assert done.returncode == 0, done.stderr
    firsts = {key: list(dict.fromkeys(found)) for key, found in counters(here()).items()}
    assert firsts == {f"device-{key}": list(range(key, EVENTS, KEYS)) for key in range(KEYS)}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            [],
            2,
            "With --from-lake, give --where \"event_date = '2013-07-04'\", a condition in SQL, or "
            "--run ID to go on with a run.",
        ),
        (
            ["--where", " "],
            2,
            "--where takes a condition in SQL; to choose everything it is true.",
        ),
        (
            ["--where", "true", "--after", "3"],
            2,
            "--after goes with --run: numbers are those of a run's events.",
        ),
        (["--where", "true", "--source", "-"], 2, "Give one of --source and --from-lake."),
        (
            ["--where", "nope = 1"],
            1,
            "The query failed in Athena: COLUMN_NOT_FOUND: line 6:1: Column 'nope' cannot be "
            "resolved",
        ),
        (
            ["--where", "counter = "],
            1,
            "Athena refuses the query: line 8:1: mismatched input ')'. Expecting: <expression>",
        ),
        (
            ["--run", "00000000-0000-0000-0000-000000000000"],
            2,
            "There is no run 00000000-0000-0000-0000-000000000000: choose events with --where.",
        ),
        (
            ["--where", "true", "--to", "nowhere"],
            1,
            "There is no stack for event type 'device_telemetry' in environment 'nowhere' of this "
            "account and region: deploy it with `cdk deploy --all -c env=nowhere`, or choose "
            "another with --env.",
        ),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence(
    headrace: Headrace, arguments: list[str], code: int, sentence: str
) -> None:
    done = headrace(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"headrace: {sentence}\n")


def test_only_a_run_of_the_type_can_be_gone_on_with(aws: AWS, headrace: Headrace) -> None:
    query_id = database(aws).start("SELECT 1")
    database(aws).execution(query_id)
    done = headrace("--run", query_id)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"headrace: {query_id} is no run of device_telemetry from this")


def test_options_of_the_lake_need_the_lake(again: str, aws: AWS, here: Headrace) -> None:
    assert again
    done = here("replay", "device_telemetry", "--to", "other", env=aws.env)
    assert (done.returncode, done.stderr) == (
        2,
        "headrace: --where, --to, --run, --after and --dry-run go with --from-lake.\n",
    )
