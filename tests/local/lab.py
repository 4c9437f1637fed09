"""What the laboratories of the parts have in common: functions and their roles, and waiting."""

from __future__ import annotations

import io
import json
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def until(found: Callable[[], T | None], seconds: float = 20.0) -> T:
    """What `found` returns as soon as it is true; fails after the given time."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
    return value


def trusting(aws: Any, service: str = "lambda.amazonaws.com") -> str:
    """A role that the service may assume; its ARN."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    made = aws.client("iam").create_role(
        RoleName=f"role-{uuid.uuid4().hex[:12]}",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return str(made["Role"]["Arn"])


def package(files: Mapping[str, str | bytes]) -> bytes:
    """The bytes of a zip file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def index(head: str, body: str) -> bytes:
    """A package whose index.py ends with `body`, inside the function that `head` begins."""
    return package({"index.py": head + textwrap.indent(textwrap.dedent(body), "    ")})
