"""A redrive: lanes of failed batches side by side, each one invocation at a time.

While a lane's invocation runs, what the one before it did is written to the archive, and only then
is the next one sent: writing costs no time, and a run that is killed repeats at most the last
invocation that was answered and the one that was not.
"""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from cli.aws import THROTTLED
from cli.errors import AccountFailure, MissingStack
from cli.failures import Archive, Stored
from cli.redrive.lanes import Parents, by_function
from cli.redrive.receipts import Account
from cli.redrive.shard import Answer, Invocation, Lane, Limits, Settlement, Unusable, read

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient

NOT_NOW = THROTTLED | {
    "EC2ThrottledException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "ServiceException",
}
"""What Lambda answers when it has not invoked the function, and may do so later."""
ATTEMPTS = 12
FIRST_WAIT = 0.2
LONGEST_WAIT = 20.0
"""Seconds: the waits double, and each is drawn from nothing to that, so that lanes that were
throttled together do not come back together."""
DRAWN = 0.1
GATHER = 0.05
"""Seconds that what one lane settles waits for the others', to be written in the same requests; its
next invocation, which runs meanwhile, mostly takes longer."""


class Stopped(Exception):
    """The run is asked to end: this lane goes no further."""


class Target(NamedTuple):
    """A function as a redrive uses it."""

    limits: Limits
    report: bool
    """Whether what it reports of single records counts (ReportBatchItemFailures)."""
    together: int


def target(client: "LambdaClient", lanes: Sequence[Sequence[Stored]], together: int) -> Target:
    """How the function that failed these batches is to be invoked. Raises MissingStack.

    Batch size and the meaning of an answer are those of its event source mapping, or where that is
    gone, those of the largest batch; one execution of its reserved concurrency stays free for the
    stream.
    """
    from botocore.exceptions import ClientError

    summary = lanes[0][0].summary
    largest = max(one.summary.batch_size for lane in lanes for one in lane)
    name = summary.function_arn
    try:
        reserved = client.get_function(FunctionName=name).get("Concurrency", {})
        pages = client.get_paginator("list_event_source_mappings").paginate(FunctionName=name)
        mappings = [one for page in pages for one in page["EventSourceMappings"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise _missing(name) from None
    bound = reserved.get("ReservedConcurrentExecutions")
    if bound == 0:
        raise AccountFailure(
            f"{name} is switched off (its reserved concurrency is 0): give it some, then repeat "
            "the command."
        )
    stream = summary.stream_arn
    own = next((m for m in mappings if _reads(m.get("EventSourceArn", ""), stream)), None)
    if own and own.get("TumblingWindowInSeconds"):
        raise AccountFailure(
            f"{name} aggregates by tumbling windows, whose state a redrive does not have: it "
            "cannot process these batches again on their own."
        )
    return Target(
        limits=Limits(own["BatchSize"] if own else largest),
        report=own is None or "ReportBatchItemFailures" in own.get("FunctionResponseTypes", []),
        together=together if bound is None else max(1, min(together, bound - 1)),
    )


def _reads(source_arn: str, stream_arn: str) -> bool:
    return source_arn == stream_arn or source_arn.startswith(f"{stream_arn}/consumer/")


def _missing(name: str) -> MissingStack:
    return MissingStack(
        f"The function that failed these batches is not there any more: {name}. Deploy it, or "
        "export the batches with `headrace failures export`; they stay in the archive."
    )


class Invoker:
    """Invokes functions and reads what they acknowledge; throttling is waited out."""

    def __init__(self, client: "LambdaClient", account: Account, stopping: threading.Event) -> None:
        self._client = client
        self._account = account
        self._stopping = stopping

    def __call__(self, invocation: Invocation, *, report: bool) -> Answer:
        """Raises Failure when nothing can be said of the records, Stopped while it waits."""
        from botocore.exceptions import ClientError

        for attempt in range(ATTEMPTS):
            try:
                found = self._client.invoke(
                    FunctionName=invocation.function_arn, Payload=invocation.payload
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ResourceNotFoundException":
                    raise _missing(invocation.function_arn) from None
                if code not in NOT_NOW:
                    raise
            else:
                self._account.invoked()
                return _answer(
                    invocation,
                    found["Payload"].read(),
                    found.get("FunctionError"),
                    found["ResponseMetadata"]["RequestId"],
                    report=report,
                )
            self._account.throttled()
            longest = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
            if self._stopping.wait(random.uniform(0, longest)):  # noqa: S311  not a secret
                raise Stopped
        raise AccountFailure(
            f"Lambda throttles {invocation.function_arn}: its concurrency is used up; repeat the "
            "command later, or with a smaller --together."
        )


def _answer(
    invocation: Invocation, payload: bytes, error: str | None, request_id: str, *, report: bool
) -> Answer:
    try:
        return read(
            payload,
            error,
            invocation.sequence_numbers,
            report=report,
            request_id=request_id,
            at=datetime.now(UTC),
        )
    except Unusable as unusable:
        raise AccountFailure(
            f"{invocation.function_arn} cannot run ({unusable}): correct and deploy it, then "
            "repeat the command."
        ) from None


def follow(
    lane: Lane,
    *,
    invoke: Callable[[Invocation], Answer],
    settle: Callable[[Settlement], "Future[None]"],
    stopping: Callable[[], bool],
) -> None:
    """Take a lane to its end, or to where it is stopped; what was answered is written in any case.

    `settle` begins to write, and the next invocation runs meanwhile.
    """
    writing: Future[None] | None = None
    try:
        while not stopping() and (invocation := lane.next()):
            answer = invoke(invocation)
            if writing:
                writing.result()
            writing = settle(lane.answered(answer))
    finally:
        if writing:
            writing.result()


class Writer:
    """Writes what so many lanes settle, in a thread of its own: what comes in while it writes, or
    within `GATHER`, goes into the next requests together, so that many lanes need few."""

    def __init__(self, archive: Archive, account: Account, lanes: int) -> None:
        self._archive = archive
        self._account = account
        self._lanes = lanes
        self._waiting: list[tuple[Settlement, Future[None]]] = []
        self._change = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._ended = True
            self._change.notify()
        self._thread.join()

    def __call__(self, settlement: Settlement) -> "Future[None]":
        written: Future[None] = Future()
        with self._change:
            self._waiting.append((settlement, written))
            self._change.notify()
        return written

    def _gathered(self) -> bool:
        return self._ended or len(self._waiting) >= self._lanes

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._ended)
                self._change.wait_for(self._gathered, GATHER)
                together, self._waiting = self._waiting, []
            if not together:
                return
            try:
                settled = [settlement for settlement, _ in together]
                self._archive.keep([one for found in settled for one in found.kept])
                self._archive.finish([one for found in settled for one in found.finished])
            except Exception as error:
                for _, written in together:
                    written.set_exception(error)
            else:
                for settlement, written in together:
                    self._account.settled(settlement)
                    written.set_result(None)


class Redrive:
    """The batches of an archive that are redriven, by function and lane."""

    def __init__(
        self,
        archive: Archive,
        functions: "LambdaClient",
        kinesis: "KinesisClient",
        account: Account,
        stopping: threading.Event,
        overtaken: Callable[[], bool],
    ) -> None:
        self._archive = archive
        self._functions = functions
        self._kinesis = kinesis
        self._account = account
        self._stopping = stopping
        self._overtaken = overtaken
        self._invoke = Invoker(functions, account, stopping)

    def run(self, stored: Sequence[Stored], *, together: int, progress: Callable[[], None]) -> None:
        """Raises the first Failure or error of AWS that ended a lane, when all have stopped."""
        for lanes in by_function(stored, lambda arn: parents(self._kinesis, arn)):
            if self._ending():
                return
            self._function(lanes, together, progress)

    def _function(
        self, lanes: list[list[Stored]], together: int, progress: Callable[[], None]
    ) -> None:
        chosen = target(self._functions, lanes, together)
        with (
            Writer(self._archive, self._account, min(chosen.together, len(lanes))) as writer,
            ThreadPoolExecutor(chosen.together) as threads,
        ):
            running = {threads.submit(self._lane, lane, chosen, writer) for lane in lanes}
            left = running
            while left:
                _, left = wait(left, timeout=DRAWN)
                progress()
        for lane in running:
            lane.result()

    def _lane(self, stored: list[Stored], chosen: Target, writer: Writer) -> None:
        lane = Lane((one.batch() for one in stored), chosen.limits)
        try:
            follow(
                lane,
                invoke=lambda invocation: self._invoke(invocation, report=chosen.report),
                settle=writer,
                stopping=self._ending,
            )
        except Stopped:
            return
        except BaseException:
            self._stopping.set()
            raise

    def _ending(self) -> bool:
        return self._stopping.is_set() or self._overtaken()


def parents(kinesis: "KinesisClient", stream_arn: str) -> Parents:
    """Of every shard that the stream still knows; none when the stream is gone."""
    found: Parents = {}
    page: dict[str, Any] = {"StreamARN": stream_arn}
    while page:
        try:
            answer = kinesis.list_shards(**page)
        except kinesis.exceptions.ResourceNotFoundException:
            return {}
        for shard in answer["Shards"]:
            before = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
            found[shard["ShardId"]] = [one for one in before if one]
        page = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
    return found
