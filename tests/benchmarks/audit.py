"""The audit of every flight, when nothing, 10 and 1,000 of them are missing in the lake.

`python -m tests.benchmarks.audit [--json]`. The year is replayed through a pipeline that the CDK
deployed on a local AWS, and audited by the command, whose start and whose functions' starts are in
the time. Then rows are taken out of the lake's objects, at random; the command has to name exactly
those.
"""

import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local.server import LocalAWS
from tests.benchmarks.reporting import report
from tests.conftest import ROOT
from tests.stacks import outputs

FLIGHTS = 336_776
MISSING = (0, 10, 1_000)
PATIENCE = 300
Identity = tuple[str, str]


class Pipeline:
    """The pipeline of dev, with all flights in its lake; an audit need not let anything settle."""

    def __init__(self, aws: LocalAWS) -> None:
        self._environment = os.environ | aws.env
        self._s3 = aws.client("s3")
        with tempfile.TemporaryDirectory() as folder:
            self.run("cdk", "bootstrap", "--output", folder)
            self.run(
                *("cdk", "deploy", "--all", "--require-approval", "never", "--app", folder),
            )
        found = outputs(aws.client)
        flights = found["flight"]
        self._bucket, self._prefix = found["lake"]["BucketName"], flights["DataPrefix"]
        functions, name = aws.client("lambda"), flights["AuditFunctionName"]
        settings = functions.get_function_configuration(FunctionName=name)["Environment"]
        functions.update_function_configuration(
            FunctionName=name,
            Environment={"Variables": settings["Variables"] | {"SETTLE_SECONDS": "0"}},
        )
        self.run("headrace", "replay", "flight")
        self._settle()
        self._taken: set[Identity] = set()

    def run(self, *command: str, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _settle(self) -> None:
        sql = "SELECT count(*) AS flights FROM flight"
        for _ in range(PATIENCE):
            if str(FLIGHTS) in self.run("headrace", "query", sql, "--csv"):
                return
            time.sleep(1)
        raise SystemExit("not every flight was delivered")

    def audit(self) -> tuple[float, dict[str, Any]]:
        """Seconds, and what it says."""
        started = time.perf_counter()
        said = self.run("headrace", "audit", "flight", "--json", codes=(0, 4))
        return time.perf_counter() - started, json.loads(said)

    def take_out(self, count: int) -> set[Identity]:
        """Rows from the lake until so many are missing: all that are, by shard and number."""
        chance = random.Random(count)  # noqa: S311  no secret
        keys = [
            found["Key"]
            for page in self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            for found in page["Contents"]
        ]
        chosen: dict[str, int] = {}
        for key in chance.choices(keys, k=count - len(self._taken)):
            chosen[key] = chosen.get(key, 0) + 1
        with ThreadPoolExecutor(4) as pool:
            for gone in pool.map(self._shorten, chosen, chosen.values()):
                self._taken |= gone
        return self._taken

    def _shorten(self, key: str, count: int) -> set[Identity]:
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        table = pq.read_table(io.BytesIO(body))
        chance = random.Random(key)  # noqa: S311  no secret
        rows = set(chance.sample(range(table.num_rows), min(count, table.num_rows)))
        gone = table.take(pa.array(sorted(rows)))
        left = pc.invert(pc.is_in(pa.array(range(table.num_rows)), pa.array(sorted(rows))))
        written = io.BytesIO()
        pq.write_table(table.filter(left), written)
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=written.getvalue())
        places = (gone[name].to_pylist() for name in ("shard_id", "sequence_number"))
        return set(zip(*places, strict=True))


def measure() -> dict[str, float]:
    """All figures; ends the program when the audit is wrong."""
    figures: dict[str, float] = {}
    with LocalAWS(port=0) as aws:
        pipeline = Pipeline(aws)
        for count in MISSING:
            gone = pipeline.take_out(count) if count else set[Identity]()
            seconds, found = pipeline.audit()
            named = {(one["shard_id"], one["sequence_number"]) for one in found["missing"]}
            if named != gone or found["total"]["stream"] != FLIGHTS:
                raise SystemExit(f"{len(gone)} are missing, the audit says {found['total']}")
            print(f"{len(gone)} missing: {seconds:.1f} s", file=sys.stderr)
            figures |= {
                f"missing_{count}": len(gone),
                f"seconds_{count}": seconds,
                f"named_{count}": found["compared_by_name"],
            }
    return figures | {
        "ten_ratio": figures["seconds_10"] / figures["seconds_0"],
        "named_per_missing": figures["named_10"] / figures["missing_10"],
    }


TOLD = (
    "{missing_0:,} missing: {seconds_0:.1f} s, {named_0:,} records compared by name\n"
    "{missing_10:,} missing: {seconds_10:.1f} s, {named_10:,} records compared by name\n"
    "{missing_1000:,} missing: {seconds_1000:.1f} s, {named_1000:,} records compared by name"
)


if __name__ == "__main__":
    report(measure, TOLD, __doc__)
