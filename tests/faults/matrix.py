"""The faults: what each is, how it is injected and how it ends.

A fault begins before the first record is put, or before the redrive that it is for, and ends when
its stage is over: `put`, when all is on the stream; `rescue`, when it had its effect on what is
rescued; `redrive`, when it had its effect on a redrive. It notes how often it had one, as far as
that can be seen: a run in which it had none proves nothing of it. Those that `break` the function
make it give up batches, so that there is something to rescue; those that need the `host` reach into
the local AWS for what no API of it can be asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.faults.proxy import Rule
from tests.faults.world import Never, until

if TYPE_CHECKING:
    from tests.faults.run import Run

HELD_MILLISECONDS = 2_000
"""How long a call is held so that its caller can be killed; it is made all the same, afterwards."""
EFFECT_SECONDS = 30.0
"""How long a fault is held for its effect at most: a function that starts on a busy machine takes
some, and it may be that nothing failed."""


class Fault:
    """One fault; an object serves one run."""

    name: str
    does: str
    stage = "put"
    breaks = False
    host = False

    def begin(self, run: Run) -> None:
        """Before the first record is put, or before the redrive."""

    def wave(self, run: Run, number: int) -> None:
        """Before a wave is put."""

    def settled(self, run: Run) -> None:
        """When every record was processed or given up, before anything is rescued for certain."""

    def end(self, run: Run) -> None:
        """When the stage is over."""


@dataclass(eq=False)
class Ruled(Fault):
    """Answers of AWS, by rules of the proxy."""

    name: str
    does: str
    rules: Callable[[Run], Sequence[Rule]]
    stage: str = "put"
    breaks: bool = False
    host: bool = False
    ids: Sequence[int] = ()

    def begin(self, run: Run) -> None:
        self.ids = run.world.proxy.add(*self.rules(run))

    def end(self, run: Run) -> None:
        if self.stage != "redrive":  # which is over: nothing comes any more
            effect(lambda: self.happened(run))
        run.notes[self.name] = self.fired(run)
        run.world.proxy.drop(list(self.ids))

    def happened(self, run: Run) -> bool:
        return failed(run) if self.breaks else self.fired(run) > 0

    def fired(self, run: Run) -> int:
        fired = run.world.proxy.fired()
        return sum(fired.get(one, 0) for one in self.ids)


class Killed(Ruled):
    """A process killed while a call of it waits for its answer: after what came before that call,
    and before what comes after it."""

    def __init__(
        self,
        app: str,
        *before: Rule,
        at: str,
        times: int = 1,
        when: Callable[[Run], bool] | None = None,
        **more: Any,
    ) -> None:
        """`before` are calls to let pass, once each, or to answer as they say; `at` names the call,
        as service:operation, `times` how many of it are held. What holds `when` one is the one that
        is meant can be seen from outside; others pass."""
        service, operation = at.split(":")
        call = {"app": app, "service": service, "operation": operation}
        passed = [{"app": app, "times": 1, "latency": 1, **one} for one in before]
        held = {**call, "times": times, "latency": HELD_MILLISECONDS}
        super().__init__(rules=lambda _: [*passed, held], **more)
        self.app = app
        self.killed = 0
        self._when = when or always
        self._over = threading.Event()
        self._thread = threading.Thread()

    def begin(self, run: Run) -> None:
        super().begin(run)
        self._thread = threading.Thread(target=self._watch, args=(run,), daemon=True)
        self._thread.start()

    def end(self, run: Run) -> None:
        super().end(run)
        self._over.set()
        self._thread.join()
        run.notes[self.name] = self.killed

    def happened(self, run: Run) -> bool:  # noqa: ARG002  which need not fail for it
        return self.killed > 0

    def _watch(self, run: Run) -> None:
        held = 0
        while not self._over.wait(0.05):
            if run.world.proxy.fired().get(self.ids[-1], 0) > held:
                held += 1
                if self._when(run):
                    run.kill(self.app)
                    self.killed += 1


class Variable(Fault):
    """A function that raises, because a variable of its environment is wrong."""

    def __init__(self, name: str, does: str, app: str, variable: str, value: str | None) -> None:
        self.name, self.does = name, does
        self.breaks = app == "processor"
        self._app, self._variable, self._value = app, variable, value
        self._before: str | None = None

    def begin(self, run: Run) -> None:
        name = run.world.functions[self._app]
        found = run.world.lambdas.get_function_configuration(FunctionName=name)
        self._before = found["Environment"]["Variables"][self._variable]
        run.world.set_variables(self._app, **{self._variable: self._value})

    def end(self, run: Run) -> None:
        if self.breaks:  # a function that was changed starts anew, which takes a moment
            effect(lambda: failed(run))
        run.world.set_variables(self._app, **{self._variable: self._before})


class Poison(Fault):
    name = "poison"
    does = "a fifth of the records is wrong: cut off, no JSON, no UTF-8, of a wrong type"


class TransformKilled(Fault):
    name = "transform-killed"
    does = "the delivery transform's execution environments are killed with every wave"

    def wave(self, run: Run, number: int) -> None:  # noqa: ARG002  every wave
        run.world.kill("transform")


class FunctionThrottled(Fault):
    name = "function-throttled"
    does = "the account has no concurrency left for the processor"

    def begin(self, run: Run) -> None:
        run.world.lambdas.put_function_concurrency(
            FunctionName=run.world.functions["processor"], ReservedConcurrentExecutions=0
        )

    def end(self, run: Run) -> None:
        run.world.lambdas.delete_function_concurrency(FunctionName=run.world.functions["processor"])


class LakeRefuses(Fault):
    name = "lake-refuses"
    does = "the lake's bucket denies Firehose every write, until all is put"
    host = True

    def begin(self, run: Run) -> None:
        run.control("refuse", yes=True)

    def end(self, run: Run) -> None:
        effect(lambda: run.control("refused") > 0)
        run.notes[self.name] = run.control("refused")
        run.control("refuse", yes=False)


class DeliveryKilled(Fault):
    name = "delivery-killed"
    does = "Firehose's worker dies with what it read and did not write; the next starts before it"
    host = True

    def begin(self, run: Run) -> None:
        run.control("checkpoint", delivery=run.world.flow["DeliveryStreamName"])

    def end(self, run: Run) -> None:
        run.notes["killed with"] = run.control(
            "kill", delivery=run.world.flow["DeliveryStreamName"]
        )


class ShardsLimited(Fault):
    name = "put-partial-failures"
    does = "each shard takes 5 records a second: PutRecords answers record by record"
    host = True

    def begin(self, run: Run) -> None:
        run.control("limit", stream=run.world.stream, rate=5)

    def end(self, run: Run) -> None:
        run.control("limit", stream=run.world.stream, rate=None)
        run.notes[self.name] = run.retried["ProvisionedThroughputExceededException"]


class Resharded(Fault):
    name = "split-and-merge"
    does = "shards are split and merged while records are put, are rescued, and before the redrive"
    stage = "redrive"
    host = True

    def wave(self, run: Run, number: int) -> None:
        self._reshard(run, split=number % 2 == 1)

    def settled(self, run: Run) -> None:
        self._reshard(run, split=True)

    def begin(self, run: Run) -> None:
        self._reshard(run, split=False)

    def _reshard(self, run: Run, *, split: bool) -> None:
        shards = sorted(
            run.world.open_shards(), key=lambda one: int(one["HashKeyRange"]["StartingHashKey"])
        )
        if split and len(shards) < 8:
            one = run.random.choice(shards)
            low, high = (int(one["HashKeyRange"][end]) for end in ENDS)
            run.world.kinesis.split_shard(
                StreamName=run.world.stream,
                ShardToSplit=one["ShardId"],
                NewStartingHashKey=str((low + high) // 2),
            )
        elif len(shards) > 2:
            at = run.random.randrange(len(shards) - 1)
            run.world.kinesis.merge_shards(
                StreamName=run.world.stream,
                ShardToMerge=shards[at]["ShardId"],
                AdjacentShardToMerge=shards[at + 1]["ShardId"],
            )
        else:
            return
        run.notes[self.name] = run.notes.get(self.name, 0) + 1


ENDS = ("StartingHashKey", "EndingHashKey")


class RetentionOver(Fault):
    name = "retention-over"
    does = "the stream has forgotten the records before the rescue reads them"
    stage = "rescue"
    host = True

    def begin(self, run: Run) -> None:
        run.rescue(working=False)

    def settled(self, run: Run) -> None:
        run.world.flights.read()
        run.delivered()
        run.control("trim", stream=run.world.stream)
        run.trimmed = True

    def end(self, run: Run) -> None:
        run.rescue(working=True)


def effect(holds: Callable[[], bool]) -> None:
    """Wait for the effect of a fault, and not for ever."""
    try:
        until(holds, "the fault had an effect", EFFECT_SECONDS)
    except Never:
        return


def failed(run: Run) -> bool:
    """Whether the processor gave a batch up: it waits for its rescue, or is in the archive."""
    return run.world.waiting() > 0 or bool(run.world.archived(run.began))


def always(run: Run) -> bool:  # noqa: ARG001  nothing can be seen of where it is
    return True


def whole(run: Run) -> bool:
    """Whether the archive has batches, and the lines of each."""
    batches, lines = run.world.kept()
    return lines >= batches > 0


def emptied(run: Run) -> bool:
    """Whether the archive has no batch (any more)."""
    return run.world.kept()[0] == 0


def app(name: str, call: str) -> Rule:
    service, operation = call.split(":")
    return {"app": name, "service": service, "operation": operation}


ON_FLIGHTS = app("producer", "kinesis:PutRecords")
ON_ALERTS = app("processor", "kinesis:PutRecords")
THROTTLED = {"code": "ProvisionedThroughputExceededException"}
DENIED = {"code": "AccessDeniedException", "status": 400}
S3_DENIED = {"code": "AccessDenied", "status": 403}
UNAVAILABLE = {"code": "ServiceUnavailable", "status": 503}
LOST = {"abort_bytes": 0}
CUT = {"truncate_frac": 0.5}
PUT_OBJECT = {"service": "s3", "operation": "PutObject"}

PRODUCER: list[Callable[[], Fault]] = [
    Poison,
    lambda: Ruled(
        "put-throttled",
        "Kinesis throttles half of the producer's calls",
        lambda _: [{**ON_FLIGHTS, "probability": 0.5, "times": 8, "error": THROTTLED}],
    ),
    ShardsLimited,
    lambda: Ruled(
        "put-answers-lost",
        "records are put, the answer is lost, and the producer puts them again: duplicates",
        lambda _: [{**ON_FLIGHTS, "probability": 0.6, "times": 4, "response": LOST}],
    ),
    lambda: Ruled(
        "put-reset",
        "the producer's connection is reset before its call arrives",
        lambda _: [{**ON_FLIGHTS, "probability": 0.5, "times": 6, "reset": True}],
    ),
    lambda: Ruled(
        "put-answers-cut",
        "half of an answer arrives and claims to be whole",
        lambda _: [{**ON_FLIGHTS, "probability": 0.6, "times": 3, "response": CUT}],
    ),
    lambda: Ruled(
        "slow",
        "every call that passes the proxy takes 20 to 250 ms longer",
        lambda _: [{"service": "*", "latency": {"min": 20, "max": 250}}],
    ),
    Resharded,
]
DELIVERY: list[Callable[[], Fault]] = [
    lambda: Variable(
        "transform-raises",
        "the delivery transform raises on every batch, until all is put",
        "transform",
        "EVENT_TYPE",
        "no_such_type",
    ),
    TransformKilled,
    lambda: Ruled(
        "verdicts-refused",
        "the lake refuses the rejected records that the transform keeps",
        lambda _: [{**app("transform", "s3:PutObject"), "error": S3_DENIED}],
    ),
    LakeRefuses,
    DeliveryKilled,
]
FUNCTION: list[Callable[[], Fault]] = [
    lambda: Variable(
        "function-raises",
        "the processor raises on every batch, until all is put",
        "processor",
        "STREAM_NAME",
        None,
    ),
    lambda: Ruled(
        "function-reports",
        "the derived stream denies the processor, which reports where each batch failed",
        lambda _: [{**ON_ALERTS, "error": DENIED}],
        breaks=True,
    ),
    lambda: Ruled(
        "function-times-out",
        "the derived stream does not answer, and the processor's time is over",
        lambda _: [{**ON_ALERTS, "times": 3, "latency": 6_000}],
        breaks=True,
    ),
    lambda: Killed(
        "processor",
        name="function-killed",
        does="the processor is killed while it emits",
        at="kinesis:PutRecords",
        times=4,
        breaks=True,
    ),
    FunctionThrottled,
    lambda: Ruled(
        "emit-throttled",
        "the derived stream throttles half of the processor's calls",
        lambda _: [{**ON_ALERTS, "probability": 0.5, "error": THROTTLED}],
    ),
    lambda: Ruled(
        "emit-answers-lost",
        "alerts are put, the answer is lost, and they are put again",
        lambda _: [{**ON_ALERTS, "probability": 0.5, "times": 4, "response": LOST}],
    ),
]
RESCUE: list[Callable[[], Fault]] = [
    lambda: Ruled(
        "queue-refuses",
        "the failure queue refuses the messages about failed batches for a while",
        lambda _: [{"service": "sqs", "operation": "SendMessage", "error": UNAVAILABLE}],
        stage="rescue",
        host=True,
    ),
    lambda: Ruled(
        "archive-refuses",
        "the failure archive refuses what is rescued for a while",
        lambda _: [{**app("rescue", "s3:PutObject"), "times": 6, "error": S3_DENIED}],
        stage="rescue",
    ),
    lambda: Ruled(
        "rescue-reads-fail",
        "the stream throttles the rescue, and lets its iterators expire",
        lambda _: [
            {**app("rescue", "kinesis:GetShardIterator"), "times": 2, "error": THROTTLED},
            {
                **app("rescue", "kinesis:GetRecords"),
                "times": 2,
                "error": {"code": "ExpiredIteratorException", "status": 400},
            },
            {**app("rescue", "kinesis:GetRecords"), "times": 2, "error": THROTTLED},
            {**app("rescue", "kinesis:GetRecords"), "times": 1, "response": LOST},
        ],
        stage="rescue",
    ),
    *[
        lambda at=at, before=before, said=said, when=when, times=times, step=step: Killed(
            "rescue",
            *before,
            name=f"rescue-killed-{step}",
            does=f"the rescue is killed before {said}",
            at=at,
            times=times,
            when=when,
            stage="rescue",
        )
        # Two rescues work at once: the call that is held first may be the other's, of another step.
        for step, (at, before, said, when, times) in enumerate(
            [
                ("kinesis:GetShardIterator", (), "it reads", always, 1),
                ("kinesis:GetRecords", (), "the first page", always, 1),
                ("s3:PutObject", (), "it keeps the lines", always, 1),
                (
                    "s3:PutObject",
                    (PUT_OBJECT,),
                    "it keeps the batch, with the lines kept",
                    lambda run: run.world.kept()[1] > run.world.kept()[0],
                    4,
                ),
                (
                    "s3:PutObject",
                    (PUT_OBJECT, {**PUT_OBJECT, "response": LOST}),
                    "its message is deleted, with the batch kept",
                    lambda run: run.world.kept()[0] > 0 and run.world.waiting() > 0,
                    4,
                ),
            ],
            start=1,
        )
    ],
    RetentionOver,
]
REDRIVE: list[Callable[[], Fault]] = [
    *[
        lambda at=at, said=said, when=when, step=step: Killed(
            "redrive",
            name=f"redrive-killed-{step}",
            does=f"the redrive is killed before {said}",
            at=at,
            times=20,
            when=when,
            stage="redrive",
        )
        for step, (at, said, when) in enumerate(
            [
                ("s3:ListObjectsV2", "it reads the archive, with the lease held", whole),
                ("lambda:Invoke", "the function answers", whole),
                ("s3:DeleteObjects", "it deletes the lines of what was processed", whole),
                (
                    "s3:DeleteObjects",
                    "it deletes the batch, without its lines",
                    lambda run: run.world.kept()[0] > run.world.kept()[1],
                ),
                ("s3:PutObject", "it writes the receipt", emptied),
                ("s3:DeleteObject", "it gives the lease back", emptied),
            ],
            start=1,
        )
    ],
    lambda: Ruled(
        "redrive-fails-again",
        "the processor still fails when its batches are redriven",
        lambda _: [{**ON_ALERTS, "error": DENIED}],
        stage="redrive",
    ),
    lambda: Ruled(
        "redrive-throttled",
        "Lambda throttles the redrive",
        lambda _: [
            {
                **app("redrive", "lambda:Invoke"),
                "times": 3,
                "error": {"code": "TooManyRequestsException", "status": 429},
            }
        ],
        stage="redrive",
    ),
    lambda: Ruled(
        "redrive-answers-lost",
        "the function has answered the redrive, and the answer is lost",
        lambda _: [{**app("redrive", "lambda:Invoke"), "times": 2, "response": LOST}],
        stage="redrive",
    ),
    lambda: Ruled(
        "redrive-deletes-refused",
        "the archive refuses to delete what was processed",
        lambda _: [{**app("redrive", "s3:DeleteObjects"), "times": 9, "error": S3_DENIED}],
        stage="redrive",
    ),
]

FAULTS: list[Callable[[], Fault]] = [*PRODUCER, *DELIVERY, *FUNCTION, *RESCUE, *REDRIVE]
