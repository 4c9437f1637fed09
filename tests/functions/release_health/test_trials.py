"""The registry as the function reads it, and the password that opens its cache."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.session import Session
from moto import mock_aws

from events.release import KEY, REFRESH_SECONDS, Refused, Registry, encode, start
from functions.release_health.credentials import IamCredentials
from functions.release_health.trials import Trials

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUCKET = "lake"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def test_the_registry_is_read_again_when_it_is_as_old_as_it_may_be(s3: Any) -> None:
    now = 0.0
    trials = Trials(s3, BUCKET, lambda: now)
    assert trials.current() == Registry()

    registry = start(Registry(), canary="4.3.0", baseline="4.2.0", now=NOW)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=encode(registry))
    now = REFRESH_SECONDS - 0.1
    assert trials.current() == Registry()
    now = REFRESH_SECONDS
    assert trials.current() == registry

    now += REFRESH_SECONDS
    assert trials.current() is trials.current()
    assert trials.current() == registry, "304: nothing new"

    changed = start(registry, canary="4.4.0", baseline="4.2.0", now=NOW + timedelta(hours=1))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=encode(changed))
    now += REFRESH_SECONDS
    assert trials.current() == changed
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    now += REFRESH_SECONDS
    assert trials.current() == Registry()


def test_a_registry_that_is_wrong_is_no_reason_to_go_on_with_an_older_one(s3: Any) -> None:
    now = 0.0
    trials = Trials(s3, BUCKET, lambda: now)
    trials.current()
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"{}}")
    now = REFRESH_SECONDS
    for _ in range(2):
        with pytest.raises(Refused, match="put an earlier version of it back"):
            trials.current()


def test_the_password_is_a_request_that_names_user_and_cache_for_15_minutes() -> None:
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret", "a token")
    session.set_config_variable("region", "eu-west-1")
    user, password = IamCredentials("canary", "Headrace-Dev", session).get_credentials()
    assert user == "canary"
    asked = urlsplit(f"http://{password}")
    assert (asked.netloc, asked.path) == ("headrace-dev", "/")
    said = {name: value for name, (value,) in parse_qs(asked.query).items()}
    assert said["Action"] == "connect"
    assert said["User"] == "canary"
    assert said["ResourceType"] == "ServerlessCache"
    assert said["X-Amz-Expires"] == "900"
    assert said["X-Amz-Credential"].endswith("/eu-west-1/elasticache/aws4_request")
    assert said["X-Amz-Security-Token"] == "a token"
    assert len(said["X-Amz-Signature"]) == 64


def test_without_credentials_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    monkeypatch.setattr(session, "get_credentials", lambda: None)
    with pytest.raises(PermissionError, match="no AWS credentials"):
        IamCredentials("canary", "headrace-dev", session).get_credentials()
