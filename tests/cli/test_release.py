"""`headrace release`: what it writes to the registry, asks of the function, and says with what exit
code. The bucket is real; the function is a fake at the seam, the real one is asked end to end."""

import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from cli.aws import Account
from cli.errors import Overtaken, WrongUsage
from cli.releases import Releases
from events.release import KEY, Registry, decode, encode, start, stop
from events.release_verdict.event import Arm, Check, Metric, ReleaseVerdict, Side
from tests.cli.conftest import Headrace, Place, create_stack

ENVIRONMENT, BUCKET = "releasetest", "releasetest-lake"
BEGAN = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
FINE = Check(holds=True, log_e=0.0, text="Nothing was said.")
SIDE = Side(devices=200, events=3_000, buckets=60, clipped=0)


def seen(
    verdict: Any, reason: str, *, look: int = 9, log_e: float = 0.0, trial: int = 1
) -> ReleaseVerdict:
    """What the function answers to a look."""
    arm = Arm(devices=200, events=3_000, episodes=1, exposure=200)
    heap = Metric(
        name="heap_bytes",
        direction="higher",
        weight=1.0,
        tolerance=0.01,
        margin=0.05,
        effect=0.031,
        low=0.004,
        high=0.059,
        log_e_fail=log_e,
        log_e_pass=0.0,
        since=0,
        windows=1,
        theta=0.9,
        canary=SIDE,
        baseline=SIDE,
        placebo=FINE,
        reason="",
    )
    return ReleaseVerdict(
        event_id=f"verdict-2.4.1-1-{look}",
        looked_at=BEGAN + timedelta(minutes=40),
        trial=trial,
        canary="2.4.1",
        baseline="2.4.0",
        look=look,
        verdict=verdict,
        changed=True,
        reason=reason,
        score=40,
        log_e=log_e,
        log_e_pass=0.0,
        alpha=0.05,
        beta=0.05,
        soak_minutes=30,
        started_at=BEGAN,
        elapsed_seconds=2_400,
        arm_canary=arm,
        arm_baseline=arm,
        switched=3,
        metrics=[heap],
        sample_ratio=FINE,
    )


WAITS = seen("CONTINUE", "Soaking: 12 of 30 minutes have passed.")
FAILS = seen("FAIL", "heap_bytes is worse: +3.1 % [0.4, 5.9].", log_e=4.0)
PASSES = seen("PASS", "No metric is worse by its margin.")


class Function:
    """Answers as a script says, the last of it for ever: a verdict, a sentence, or an error."""

    def __init__(self, *answers: ReleaseVerdict | str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  AWS's
        assert FunctionName == "release-health-function"
        self.asked.append(json.loads(Payload))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            error = {"errorType": "Unanswerable", "errorMessage": answer}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        return {"Payload": io.BytesIO(msgspec.json.encode(answer))}


@pytest.fixture(scope="module")
def stacks(place: Place) -> Place:
    """An environment with a lake and the processor."""
    lake = {"BucketName": BUCKET, "DatabaseName": "none", "WorkGroupName": "none"}
    create_stack(place.aws, "lake", lake, ENVIRONMENT)
    processor = {
        "ProcessorName": "release_health",
        "Reads": "device_telemetry",
        "Emits": "release_verdict",
        "FunctionName": "release-health-function",
        "FailureQueueUrl": "none",
    }
    place.aws.client("cloudformation").create_stack(
        StackName=f"{ENVIRONMENT}-health",
        TemplateBody=json.dumps(
            {
                "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
                "Outputs": {key: {"Value": value} for key, value in processor.items()},
            }
        ),
        Tags=[
            {"Key": "headrace:environment", "Value": ENVIRONMENT},
            {"Key": "headrace:processor", "Value": "release_health"},
        ],
    )
    place.aws.client("s3").create_bucket(Bucket=BUCKET)
    return place


@pytest.fixture
def s3(stacks: Place) -> Any:
    """The bucket, without a registry."""
    client = stacks.aws.client("s3")
    client.delete_object(Bucket=BUCKET, Key=KEY)
    return client


@pytest.fixture
def release(stacks: Place, s3: Any, here: Headrace) -> Headrace:
    """`headrace release` in that environment."""
    assert s3
    return partial(here, "release", env=stacks.aws.env | {"HEADRACE_ENV": ENVIRONMENT})


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    fake = Function(WAITS)
    monkeypatch.setattr(Account, "functions", fake)
    return fake


def registry(s3: Any) -> Registry:
    return decode(s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())


def test_a_trial_is_started_and_stopped_in_the_registry(release: Headrace, s3: Any) -> None:
    before = datetime.now(UTC)
    done = release("start", "2.4.1", "--baseline", "2.4.0", "--soak", "2h", "--alpha", "0.01")
    assert done.returncode == 0, done.stderr
    [trial] = registry(s3).trials
    assert (trial.canary, trial.baseline) == ("2.4.1", "2.4.0")
    assert (trial.soak_minutes, trial.alpha, trial.stopped_at) == (120, 0.01, None)
    assert trial.prepares_at - before >= timedelta(seconds=30)
    assert trial.started_at - trial.prepares_at == timedelta(minutes=10)
    assert done.stdout.startswith("2.4.1 is on trial against 2.4.0 from 20")
    done = release("stop", "2.4.1")
    assert done.returncode == 0, done.stderr
    stopped = registry(s3)
    assert stopped.version == 2
    assert stopped.trials[0].stopped_at is not None
    assert done.stdout.startswith("The trial of 2.4.1 ends at 20")


def test_a_soak_lasts_as_long_as_was_asked_for_at_least(release: Headrace, s3: Any) -> None:
    spans = ["--soak", "29s", "--skew", "61s"]
    assert release("start", "2.4.1", "--baseline", "2.4.0", *spans).returncode == 0
    [trial] = registry(s3).trials
    assert (trial.soak_minutes, trial.skew_minutes) == (1, 2)


def test_metrics_are_given_with_percentages(release: Headrace, s3: Any) -> None:
    options = ["--metric", "heap_bytes:higher:0.8:2%:5%", "--metric", "crashed:higher:0.2:0:1:1%"]
    done = release("start", "2.4.1", "--baseline", "2.4.0", *options, "--json")
    assert done.returncode == 0, done.stderr
    heap, crashed = registry(s3).trials[0].metrics
    assert (heap.name, heap.direction, heap.weight) == ("heap_bytes", "higher", 0.8)
    assert (heap.tolerance, heap.margin) == (0.02, 0.05)
    assert (crashed.tolerance, crashed.margin, crashed.negligible) == (0.0, 1.0, 0.01)
    assert json.loads(done.stdout)["metrics"][0]["name"] == "heap_bytes"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["2.4.0", "--baseline", "2.4.0"], "2.4.0 is canary and baseline"),
        (["2.4", "--baseline", "2.4.0"], "That is no trial"),
        (["2.4.1", "--baseline", "2.4.0", "--metric", "heap:higher:1:0:1"], "--metric takes NAME"),
        (["2.4.1", "--baseline", "2.4.0", "--metric", "cpu:higher:1"], "--metric takes NAME"),
        (["2.4.1", "--baseline", "2.4.0", "--metric", "cpu:higher:0.9:0:1"], "sum to 0.9"),
        (["2.4.1", "--baseline", "2.4.0", "--at", "soon"], "--at takes in how long"),
        (["2.4.1", "--baseline", "2.4.0", "--at", "-1h"], "start it then, or backdate it"),
        (["2.4.1", "--baseline", "2.4.0", "--soak", "long"], "long is no length of time"),
        (["2.4.1", "--baseline", "2.4.0", "--alpha", "2"], "That is no trial"),
        (["2.4.1", "--baseline", "2.4.0", "--at", "-999999d"], "--at takes in how long"),
        (
            ["2.4.1", "--baseline", "2.4.0", "--at", "0001-01-01T00:00+14:00"],
            "--at takes in how long",
        ),
        (
            ["2.4.1", "--baseline", "2.4.0", "--at", "9999-12-31T23:59:59.000005"],
            "beyond the years",
        ),
        (
            ["2.4.1", "--baseline", "2.4.0", "--at", "0001-01-01T00:00", "--backdate"],
            "beyond the years",
        ),
        (
            ["2.4.1", "--baseline", "2.4.0", "--at", "+1h", "--preparation", "999999d"],
            "at most 30 days long",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_writes_nothing(
    release: Headrace, s3: Any, arguments: list[str], sentence: str
) -> None:
    done = release("start", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_a_release_is_on_trial_once(release: Headrace, s3: Any) -> None:
    assert release("start", "2.4.1", "--baseline", "2.4.0").returncode == 0
    again = release("start", "2.4.1", "--baseline", "2.3.9")
    assert again.returncode == 2
    assert "2.4.1 is on trial since" in again.stderr
    assert len(registry(s3).trials) == 1
    never = release("stop", "2.4.2")
    assert never.returncode == 2
    assert "2.4.2 is not on trial" in never.stderr


def test_a_registry_that_is_none_is_not_overwritten(release: Headrace, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b'{"version": "x"}')
    done = release("start", "2.4.1", "--baseline", "2.4.0")
    assert done.returncode == 1
    assert "is no registry of releases" in done.stderr
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b'{"version": "x"}'


def test_two_who_write_at_once_do_not_undo_each_other(s3: Any) -> None:
    """What another has put in between is taken in; whoever never gets his turn says so."""
    releases, others = Releases(s3, BUCKET), ["9.0.1", "9.0.2"]
    begin = partial(start, baseline="2.4.0", now=BEGAN)

    def change(one: Registry, canary: str) -> Registry:
        if others:
            other = others.pop(0)
            Releases(s3, BUCKET).change(lambda now: begin(now, canary=other))
        return begin(one, canary=canary)

    changed = releases.change(lambda one: change(one, "2.4.1"))
    assert [one.canary for one in changed.trials] == ["9.0.1", "9.0.2", "2.4.1"]
    assert registry(s3) == changed
    others += [f"8.0.{n}" for n in range(9)]
    with pytest.raises(Overtaken, match="repeat the command"):
        releases.change(lambda one: change(one, "2.4.2"))
    assert "2.4.2" not in [one.canary for one in registry(s3).trials]


class Forgetful:
    """A bucket's client that does not hear the answer to its first put, and puts again."""

    def __init__(self, s3: Any) -> None:
        self.s3, self.lost = s3, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)

    def put_object(self, **what: Any) -> Any:
        if not self.lost:
            self.lost = True
            self.s3.put_object(**what)
            Releases(self.s3, BUCKET).change(
                lambda now: start(now, canary="9.0.1", baseline="2.4.0", now=BEGAN)
            )
        return self.s3.put_object(**what)


def test_a_change_whose_answer_was_lost_is_not_made_twice_and_not_refused(s3: Any) -> None:
    begin = partial(start, canary="2.4.1", baseline="2.4.0", now=BEGAN)
    changed = Releases(Forgetful(s3), BUCKET).change(begin)  # type: ignore[arg-type]
    assert [one.canary for one in changed.trials] == ["2.4.1"]
    assert [one.canary for one in registry(s3).trials] == ["2.4.1", "9.0.1"]
    ended = partial(stop, canary="2.4.1", now=BEGAN)
    Releases(s3, BUCKET).change(ended)
    again = Releases(Forgetful(s3), BUCKET)  # type: ignore[arg-type]
    with pytest.raises(WrongUsage, match="not on trial"):
        again.change(ended)


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (PASSES, 0, ""),
        (FAILS, 5, "The verdict on 2.4.1 is FAIL: do not roll it out further."),
        (WAITS, 6, "There is no verdict on 2.4.1 yet"),
    ],
    ids=["pass", "fail", "continue"],
)
def test_the_verdict_is_the_exit_code(
    release: Headrace, function: Function, answer: ReleaseVerdict, code: int, told: str
) -> None:
    function.answers = [answer]
    assert release("start", "2.4.1", "--baseline", "2.4.0").returncode == 0
    done = release("status", "2.4.1")
    assert done.returncode == code
    assert told in done.stderr
    assert done.stdout.startswith(f"{answer.verdict}  ")
    assert answer.reason in done.stdout
    assert "heap_bytes" in done.stdout
    assert "+3.1 % [0.4, 5.9]" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert function.asked == [{"headrace": "look", "release": "2.4.1"}]
    found = json.loads(release("status", "2.4.1", "--json").stdout)
    assert found["looks"][-1]["verdict"] == answer.verdict


def test_waiting_ends_with_the_verdict(
    release: Headrace, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cli.on_trial.time.sleep", pauses.append)
    function.answers = [WAITS, WAITS, FAILS]
    release("start", "2.4.1", "--baseline", "2.4.0")
    done = release("status", "2.4.1", "--wait")
    assert done.returncode == 5
    assert done.stderr.splitlines()[:2] == [
        "2.4.1 CONTINUE, look 9, score 40: Soaking: 12 of 30 minutes have passed.",
        "2.4.1 FAIL, look 9, score 40: heap_bytes is worse: +3.1 % [0.4, 5.9].",
    ]
    assert len(pauses) == 2


def test_waiting_has_an_end(release: Headrace, function: Function) -> None:
    release("start", "2.4.1", "--baseline", "2.4.0")
    done = release("status", "2.4.1", "--wait", "--timeout", "0s")
    assert done.returncode == 6
    assert "yet, though it was waited for: let the trial go on, and ask again." in done.stderr
    assert len(function.asked) == 1
    assert release("status", "--wait").returncode == 2


def test_a_trial_that_ends_without_a_verdict_says_when(
    release: Headrace, function: Function, s3: Any
) -> None:
    release("start", "2.4.1", "--baseline", "2.4.0")
    release("stop", "2.4.1", "--at", "+1h")
    [trial] = registry(s3).trials
    assert trial.stopped_at
    done = release("status", "2.4.1")
    assert done.returncode == 6
    assert f"and its trial ends at {trial.stopped_at:%Y-%m-%d %H:%M:%S} UTC" in done.stderr
    past = start(Registry(), canary="2.4.1", baseline="2.4.0", now=BEGAN, at=BEGAN, backdate=True)
    past = stop(past, "2.4.1", now=BEGAN)
    long_ago = replace(past.trials[0], stopped_at=BEGAN - timedelta(days=900))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=encode(replace(past, trials=(long_ago,))))
    done = release("status", "2.4.1", "--wait")
    assert done.returncode == 6
    assert "The trial of 2.4.1 ended at 2024-06-04 08:30:00 UTC without a verdict" in done.stderr
    assert len(function.asked) == 2


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A time that only pauses move."""
    found: list[float] = []
    monkeypatch.setattr("cli.on_trial.time.sleep", found.append)
    monkeypatch.setattr("cli.on_trial.time.monotonic", lambda: sum(found))
    return found


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No."}}, "Invoke")


def test_a_hiccup_does_not_end_the_waiting_and_a_minute_of_them_does(
    release: Headrace, function: Function, pauses: list[float]
) -> None:
    release("start", "2.4.1", "--baseline", "2.4.0")
    throttled = refused("TooManyRequestsException")
    function.answers = [WAITS, "Away. Ask again in a minute.", throttled, PASSES]
    assert release("status", "2.4.1", "--wait").returncode == 0
    assert not function.answers[1:]
    function.answers = ["Away. Ask again in a minute."]
    pauses.clear()
    done = release("status", "2.4.1", "--wait")
    assert (done.returncode, sum(pauses)) == (1, 60)
    assert "Away" in done.stderr
    function.answers, function.asked = [refused("AccessDeniedException")], []
    assert release("status", "2.4.1", "--wait").returncode == 1
    assert len(function.asked) == 1


def test_a_verdict_on_another_trial_of_the_release_is_none_on_this_one(
    release: Headrace, function: Function, s3: Any, pauses: list[float]
) -> None:
    first = start(Registry(), canary="2.4.1", baseline="2.4.0", now=BEGAN, at=BEGAN, backdate=True)
    ended = stop(first, "2.4.1", now=BEGAN)
    later = BEGAN + timedelta(hours=1)
    both = start(ended, canary="2.4.1", baseline="2.4.0", now=later)
    assert [one.number for one in both.trials] == [1, 3]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=encode(both))
    function.answers = [seen("FAIL", "Worse.", trial=3)]
    done = release("status")
    _, newest, oldest = done.stdout.splitlines()
    assert (newest.split()[3], oldest.split()[3]) == ("FAIL", "–")
    assert "2.4.1: Trial 3 has followed trial 1" in done.stderr
    function.answers = [seen("PASS", "Good.", trial=1)]
    early = release("status", "2.4.1")
    assert early.returncode == 1
    assert "has not heard of trial 3 of 2.4.1 yet" in early.stderr
    function.answers = [seen("PASS", "Good.", trial=1), seen("FAIL", "Worse.", trial=3)]
    assert (release("status", "2.4.1", "--wait").returncode, len(pauses)) == (5, 1)


@pytest.mark.parametrize(
    "options",
    [
        ["--interval", "0s"],
        ["--heap", "0"],
        ["--heap", "inf"],
        ["--heap", "nan"],
        ["--leak", "-2"],
        ["--share", "nan"],
    ],
    ids=" ".join,
)
def test_what_no_fleet_does_is_not_simulated(release: Headrace, options: list[str]) -> None:
    done = release("simulate", "2.4.1", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert options[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_all_trials_are_a_line_each(release: Headrace, function: Function) -> None:
    function.answers = [seen("FAIL", "Worse.", trial=2), "The state cannot be reached."]
    for canary in ("2.4.2", "2.4.1"):
        release("start", canary, "--baseline", "2.4.0")
    done = release("status")
    assert done.returncode == 0
    head, first, second = done.stdout.splitlines()
    assert head.split()[:4] == ["canary", "baseline", "trial", "verdict"]
    assert first.split()[:4] == ["2.4.1", "2.4.0", "planned", "FAIL"]
    assert second.split()[:4] == ["2.4.2", "2.4.0", "planned", "–"]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "2.4.2: The state cannot be reached." in done.stderr
    assert f"2 trials in environment '{ENVIRONMENT}'." in done.stderr


@pytest.mark.parametrize("command", ["status", "report", "rebuild", "simulate"])
def test_a_release_that_was_never_on_trial_is_said_to_be(
    release: Headrace, function: Function, command: str
) -> None:
    done = release(command, "7.7.7")
    assert (done.returncode, done.stdout, function.asked) == (1, "", [])
    assert "7.7.7 was never on trial" in done.stderr


def test_without_the_processor_it_is_said_what_to_deploy(stacks: Place, here: Headrace) -> None:
    environment = stacks.aws.env | {"HEADRACE_ENV": "clitest"}
    done = here("release", "start", "2.4.1", "--baseline", "2.4.0", env=environment)
    assert done.returncode == 1
    assert "processor 'release_health'" in done.stderr
