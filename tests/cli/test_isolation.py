"""The environment of a command under the local AWS cannot reach a real account."""

import os
import subprocess

from cli.isolation import exports, pointed_at

ENDPOINT = "http://127.0.0.1:4566"
WANTED = {
    "AWS_ACCESS_KEY_ID": "headrace",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_ENDPOINT_URL_S3": ENDPOINT,
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "headrace",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
REAL = {
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": "t",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_KINESIS": "https://kinesis.eu-west-1.amazonaws.com",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2",
}
OTHER = {"PATH": "/bin:/usr/bin", "HOME": "/home/a b", "AWS_PAGER": ""}


def test_what_could_reach_a_real_account_is_gone_and_the_rest_is_kept() -> None:
    proxies = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    assert pointed_at(ENDPOINT, REAL | OTHER) == WANTED | OTHER | proxies


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    environment = pointed_at(ENDPOINT, {"no_proxy": "example.com", "HTTPS_PROXY": "http://p"})
    assert environment["NO_PROXY"] == environment["no_proxy"] == "example.com,127.0.0.1"
    assert environment["HTTPS_PROXY"] == "http://p"


def test_the_exports_make_a_shell_the_same() -> None:
    script = f"{exports(ENDPOINT, REAL | OTHER)}\nenv -0"
    out = subprocess.run(
        ["/bin/sh", "-c", script], env=REAL | OTHER, capture_output=True, check=True
    ).stdout.decode()
    shell = dict(line.split("=", 1) for line in out.split("\0") if line)
    wanted = pointed_at(ENDPOINT, REAL | OTHER)
    assert {name: shell.get(name) for name in wanted} == wanted
    assert not [name for name in shell if name.startswith("AWS_") and name not in wanted]


def test_the_exports_unset_what_a_later_shell_may_have() -> None:
    assert exports(ENDPOINT, {}).splitlines()[0] == "unset AWS_PROFILE AWS_SESSION_TOKEN"
