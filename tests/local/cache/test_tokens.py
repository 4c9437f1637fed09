"""A password is a signed request to the very cache, by the very user, not too old."""

from datetime import UTC, datetime, timedelta

import pytest

from local.cache.tokens import Cache, wrong

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CACHE = Cache("state", "us-east-1")
PARTS = {
    "Action": "connect",
    "User": "fleet",
    "ResourceType": "ServerlessCache",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "ASIA12/20261121/us-east-1/elasticache/aws4_request",
    "X-Amz-Date": "20261121T115500Z",
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0f" * 32,
}


def token(place: str = "state/", **changes: str | None) -> str:
    """The parts with some changed or left out; a dash is an underscore here."""
    parts = PARTS | {name.replace("_", "-"): value for name, value in changes.items()}
    query = "&".join(f"{name}={value}" for name, value in parts.items() if value is not None)
    return f"{place}?{query.replace('/', '%2F')}"


def said(text: str, now: datetime = NOW) -> str | None:
    return wrong(text, user="fleet", cache=CACHE, now=now)


def test_a_token_in_order_is() -> None:
    assert said(token()) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("secret", "it is no request to state/, the cache's name in lower case"),
        (f"https://{token()}", "it starts with a scheme, which must be cut off"),
        (token("State/"), "it is no request to state/, the cache's name in lower case"),
        (token("other/"), "it is no request to state/, the cache's name in lower case"),
        (token(Action="describe"), "Action is 'describe', but must be 'connect'"),
        (token(User="somebody"), "User is 'somebody', but must be 'fleet'"),
        (token(ResourceType=None), "ResourceType is None, but must be 'ServerlessCache'"),
        (token(X_Amz_Signature="0f"), "it is not signed"),
        (token(X_Amz_Credential="ASIA"), "X-Amz-Credential is missing or of a wrong form"),
        (
            token(X_Amz_Credential="ASIA/20261121/us-west-2/elasticache/aws4_request"),
            "it is signed for elasticache in us-west-2",
        ),
        (
            token(X_Amz_Credential="ASIA/20261121/us-east-1/s3/aws4_request"),
            "it is signed for s3 in us-east-1",
        ),
        (
            token(X_Amz_Credential="ASIA/20261120/us-east-1/elasticache/aws4_request"),
            "the dates of its credential and its signature differ",
        ),
        (token(X_Amz_Expires="86400"), "it is valid for 86400 s, but must be for at most 900"),
        (token(X_Amz_Expires="soon"), "X-Amz-Date or X-Amz-Expires is missing or of a wrong form"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, why: str) -> None:
    assert said(text) == why


def test_it_holds_for_its_time_and_for_a_clock_that_is_a_little_ahead() -> None:
    signed = datetime(2026, 11, 21, 11, 55, tzinfo=UTC)
    late = "it is valid for 900 s from 2026-11-21 11:55:00 on, not now"
    assert said(token(), signed + timedelta(seconds=900)) is None
    assert said(token(), signed + timedelta(seconds=901)) == late
    assert said(token(), signed - timedelta(minutes=5)) is None
    assert said(token(), signed - timedelta(minutes=5, seconds=1)) == late
