"""The command as a whole: help, start, failures, pipes, colours."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cli.telling import failures_told
from tests.cli.conftest import Headrace, run
from tests.conftest import ROOT

COMMANDS: tuple[list[str], ...] = (
    [],
    ["local"],
    ["local", "env"],
    ["replay"],
    ["query"],
    ["status"],
    ["types"],
    ["contracts"],
    ["contracts", "diff"],
    ["failures"],
    ["failures", "list"],
    ["failures", "show"],
    ["failures", "export"],
    ["redrive"],
    ["release"],
    ["release", "start"],
    ["release", "stop"],
    ["release", "status"],
    ["release", "report"],
    ["release", "rebuild"],
    ["release", "simulate"],
)
NOWHERE = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
SOMEWHERE = NOWHERE | {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples_that_fits_80_columns(
    here: Headrace, command: list[str]
) -> None:
    done = here(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Examples" in done.stdout
    example = " ".join(["headrace", *command])
    assert example in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("command", [["--help"], ["replay", "--help"], ["local", "env"]])
def test_nothing_of_aws_is_imported_before_it_is_needed(command: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['headrace', *{command!r}]\n"
        "from cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'boto3', 'botocore', 'pyarrow', 'moto', 'pydantic', 'hypothesis'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_types_lists_the_contracts(here: Headrace) -> None:
    done = here("types", "--json")
    assert [(one["type"], one["partition_key"]) for one in json.loads(done.stdout)] == [
        ("delay_alert", ["flight_id"]),
        ("device_telemetry", ["device"]),
        ("flight", ["tail_number", "event_id"]),
        ("release_verdict", ["canary"]),
    ]
    assert [line.split()[0] for line in here("types").stdout.splitlines() if line[0] != " "] == [
        "type",
        "delay_alert",
        "device_telemetry",
        "flight",
        "release_verdict",
    ]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            NOWHERE | {"AWS_REGION": "us-east-1"},
            "No AWS credentials were found: set AWS_PROFILE, run `aws configure`, or use the "
            "local AWS with `headrace local -- COMMAND`.",
        ),
        (
            {name: value for name, value in SOMEWHERE.items() if name != "AWS_REGION"},
            "No AWS region is set: set AWS_REGION, for example to us-east-1.",
        ),
        (
            SOMEWHERE | {"AWS_PROFILE": "nobody"},
            "The config profile (nobody) could not be found: correct AWS_PROFILE, or the AWS "
            "config file.",
        ),
        (
            SOMEWHERE,
            'AWS does not answer (Could not connect to the endpoint URL: "http://127.0.0.1:1/"): '
            "check the network and AWS_ENDPOINT_URL, or start the local AWS with "
            "`headrace local`.",
        ),
        (
            SOMEWHERE | {"AWS_ENDPOINT_URL": "nonsense"},
            "Invalid endpoint: nonsense is no URL of AWS: check AWS_ENDPOINT_URL.",
        ),
    ],
    ids=["no credentials", "no region", "no profile", "no answer", "no URL"],
)
def test_no_way_to_aws_is_one_sentence(
    here: Headrace, environment: dict[str, str], sentence: str
) -> None:
    done = here("status", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"headrace: {sentence}\n")


class Refusing(BaseHTTPRequestHandler):
    """An AWS that answers every call with one error."""

    code = ""

    def do_POST(self) -> None:
        body = (
            "<ErrorResponse><Error><Type>Sender</Type>"
            f"<Code>{self.code}</Code><Message>No.</Message></Error></ErrorResponse>"
        ).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("ExpiredToken", "The AWS credentials have expired; renew them"),
        ("InvalidClientTokenId", "AWS does not accept the credentials (InvalidClientTokenId);"),
        ("AccessDenied", "AWS denies DescribeStacks: No. Ask for that permission,"),
    ],
)
def test_refused_credentials_are_one_sentence(
    here: Headrace, refusing: str, code: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refusing, "code", code)
    done = here("status", env=SOMEWHERE | {"AWS_ENDPOINT_URL": refusing})
    assert done.returncode == 1
    assert done.stderr.startswith(f"headrace: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", [["--debug", "status"], ["status"]])
def test_debug_shows_the_traceback(how: list[str]) -> None:
    debug = {} if "--debug" in how else {"HEADRACE_DEBUG": "1"}
    done = run(*how, env=NOWHERE | {"AWS_REGION": "us-east-1"} | debug)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("NoCredentialsError: Unable to locate credentials\n")


@pytest.mark.parametrize("command", [["types"], ["types", "--json"], ["local", "env"]])
def test_a_reader_that_goes_away_is_no_reason_to_complain(command: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["types"], ["types", "--json"], ["local", "env"]])
def test_output_that_cannot_be_written_is_one_sentence(command: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *command],
            cwd=ROOT,
            env=dict(os.environ) | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "headrace: Standard output cannot be written: No space left on device; mend that, and "
        "repeat the command; --debug shows where it came from.\n",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/a"), "/a: Permission denied"),
        (OSError(21, "Is a directory", "/a", None, "/b"), "/b: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    capsys: pytest.CaptureFixture[str], error: OSError, said: str
) -> None:
    with pytest.raises(SystemExit) as ended, failures_told(debug=False):
        raise error
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"headrace: {said}; mend that, and repeat the command; --debug shows where it came from.\n"
    )


def test_a_defect_is_raised_though_the_system_has_a_number_for_it() -> None:
    with pytest.raises(ConnectionResetError), failures_told(debug=False):
        raise ConnectionResetError(104, "Connection reset by peer")
    with pytest.raises(PermissionError), failures_told(debug=True):
        raise PermissionError(13, "Permission denied", "/a")


@pytest.mark.parametrize("arguments", [["nope"], ["replay"], ["replay", "flight", "--limit", "0"]])
def test_wrong_usage_ends_with_2_and_names_the_help(here: Headrace, arguments: list[str]) -> None:
    done = here(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "for help" in done.stderr
