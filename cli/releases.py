"""The releases on trial: the registry that a person writes, and the function that is asked.

Nobody but the function reaches the state of a trial, so whoever wants to know invokes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from cli.errors import AccountFailure, NotOnTrial, Overtaken, WrongUsage
from events.release import (
    KEY,
    Digest,
    Digested,
    Fact,
    Fed,
    Feed,
    Flush,
    Flushed,
    Look,
    Metric,
    Question,
    Refused,
    Registry,
    Trial,
    decode,
    encode,
    find,
)
from events.release_verdict.event import ReleaseVerdict

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

    from cli.stacks import Deployed

PROCESSOR = "release_health"
TELEMETRY, VERDICTS = "device_telemetry", "release_verdict"
ATTEMPTS = 5
"""Changes of the registry that are made anew on what somebody else has put meanwhile."""
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
Answer = TypeVar("Answer", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Releases:
    """The registry of one environment, in the lake's bucket."""

    s3: "S3Client"
    bucket: str

    def read(self) -> Registry:
        """As it is now; an empty one where there never was one. Raises AccountFailure."""
        return self._read()[0]

    def trial(self, release: str) -> Trial:
        """The latest trial of a release. Raises NotOnTrial."""
        trial = find(self.read(), release)
        if trial is None:
            raise NotOnTrial(
                f"{release} was never on trial: `headrace release status` shows which releases "
                f"are, and `headrace release start {release} --baseline RELEASE` begins one."
            )
        return trial

    def change(self, how: Callable[[Registry], Registry]) -> Registry:
        """Put what `how` makes of the registry, if it is still what it was made of.

        Somebody else's change is taken in, not undone: `how` is asked again with theirs. A put
        whose answer was lost is put again by the client, and finds its own: that is no change of
        somebody else's. Raises WrongUsage with the registry's own sentence, or Overtaken.
        """
        from botocore.exceptions import ClientError

        put: Registry | None = None
        known: tuple[Trial, ...] = ()
        for _ in range(ATTEMPTS):
            registry, etag = self._read()
            if put is not None and _holds(registry, put, known):
                return put
            try:
                changed = how(registry)
            except Refused as refused:
                raise WrongUsage(str(refused)) from None
            put, known = changed, registry.trials
            condition: dict[str, Any] = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self.s3.put_object(
                    Bucket=self.bucket,
                    Key=KEY,
                    Body=encode(changed),
                    ContentType="application/json",
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in CHANGED:
                    raise
            else:
                return changed
        raise Overtaken(
            "Others change the registry of releases again and again at the same time; nothing of "
            "this was put: repeat the command."
        )

    def _read(self) -> tuple[Registry, str]:
        """The registry and its ETag; no ETag where there is none."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=KEY)
        except self.s3.exceptions.NoSuchKey:
            return Registry(), ""
        try:
            return decode(found["Body"].read()), found["ETag"]
        except Refused as refused:
            raise AccountFailure(str(refused)) from None


def _holds(registry: Registry, put: Registry, known: tuple[Trial, ...]) -> bool:
    """Whether the registry has what was new in the one that was put: no two changes begin a trial
    of the same number at the same instant."""
    return all(trial in registry.trials for trial in put.trials if trial not in known)


@dataclass(frozen=True, slots=True)
class Health:
    """The function that keeps the state of the trials."""

    client: "LambdaClient"
    function: str

    def look(self, release: str) -> ReleaseVerdict:
        """What it would say now; nothing is emitted or remembered."""
        return self._ask(Look(release=release), ReleaseVerdict)

    def digest(self, release: str) -> Digested:
        return self._ask(Digest(release=release), Digested)

    def flush(self, release: str) -> Flushed:
        return self._ask(Flush(release=release), Flushed)

    def feed(self, release: str, facts: Sequence[Fact]) -> Fed:
        return self._ask(Feed(release=release, events=tuple(facts)), Fed)

    def _ask(self, question: Question, kind: type[Answer]) -> Answer:
        answer = self.client.invoke(
            FunctionName=self.function, Payload=msgspec.json.encode(question)
        )
        payload = answer["Payload"].read()
        if not answer.get("FunctionError"):
            return msgspec.json.decode(payload, type=kind)
        found = msgspec.json.decode(payload)
        said = found if isinstance(found, dict) else {}
        why = str(said.get("errorMessage", "no reason given")).rstrip(".")
        if said.get("errorType") == "Unanswerable":
            raise AccountFailure(f"{why}.")
        raise AccountFailure(
            f"{PROCESSOR} failed in {self.function}: {why}; its log group says more."
        )


def health_of(client: "LambdaClient", deployed: "Deployed") -> Health:
    """Raises MissingStack."""
    return Health(client, deployed.processor(PROCESSOR).function_name)


def state_of(trial: Trial, now: datetime) -> str:
    """Where a trial stands by the clock, in a word."""
    if trial.stopped_at is not None and trial.stopped_at <= now:
        return "stopped"
    if now < trial.prepares_at:
        return "planned"
    return "preparing" if now < trial.started_at else "running"


def metrics_of(texts: Sequence[str]) -> tuple[Metric, ...]:
    """Metrics as a person types them: heap_bytes:higher:0.5:1%:5%, and for crashed perhaps one
    more, what does not matter. Raises WrongUsage."""
    return tuple(map(_metric, texts))


def _metric(text: str) -> Metric:
    words = text.split(":", 5)
    names = ("weight", "tolerance", "margin", "negligible")
    try:
        name, direction, *numbers = words
        given = dict(zip(names, map(_number, numbers), strict=False))
        return msgspec.convert({"name": name, "direction": direction, **given}, Metric)
    except ValueError as error:
        raise WrongUsage(
            "--metric takes NAME:WORSE:WEIGHT:TOLERANCE:MARGIN, such as "
            f"heap_bytes:higher:0.5:1%:5%, not {text}: {error}."
        ) from None


def _number(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
