"""Errors of AWS, each as the sentence that a person reads."""

import pytest
from botocore import exceptions as its

from cli.aws import RENEW, Account, explain


def refused(code: str, message: str = "Because.") -> its.ClientError:
    return its.ClientError({"Error": {"Code": code, "Message": message}}, "ListThings")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refused("ExpiredToken"), f"The AWS credentials have expired; {RENEW}."),
        (refused("ExpiredTokenException"), f"The AWS credentials have expired; {RENEW}."),
        (
            refused("InvalidClientTokenId"),
            f"AWS does not accept the credentials (InvalidClientTokenId); {RENEW}.",
        ),
        (
            refused("AccessDenied", "User a may not do b."),
            "AWS denies ListThings: User a may not do b. "
            "Ask for that permission, or use another profile.",
        ),
        (
            refused("ThrottlingException"),
            "AWS throttles ListThings (ThrottlingException); wait a minute and repeat it.",
        ),
        (
            refused("ResourceNotFoundException", "Stream\n  x not found."),
            "AWS refused ListThings with ResourceNotFoundException: Stream x not found. "
            "See it all with --debug.",
        ),
        (
            its.NoCredentialsError(),
            "No AWS credentials were found: set AWS_PROFILE, run `aws configure`, or use the "
            "local AWS with `headrace local -- COMMAND`.",
        ),
        (its.NoRegionError(), "No AWS region is set: set AWS_REGION, for example to us-east-1."),
        (
            its.UnauthorizedSSOTokenError(),
            "The AWS credentials cannot be read (The SSO session associated with this profile "
            "has expired or is otherwise invalid. To refresh this SSO session run aws sso login "
            f"with the corresponding profile.); {RENEW}.",
        ),
        (
            its.ReadTimeoutError(endpoint_url="http://x"),
            'AWS does not answer (Read timeout on endpoint URL: "http://x"): check the network '
            "and AWS_ENDPOINT_URL, or start the local AWS with `headrace local`.",
        ),
        (
            its.ParamValidationError(report="x is missing"),
            "The AWS client failed: Parameter validation failed: x is missing; "
            "see it all with --debug.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_of_aws_is_one_sentence_that_says_what_to_do(
    error: Exception, sentence: str
) -> None:
    assert str(explain(error)) == sentence


def test_an_error_of_ours_is_not_explained_away() -> None:
    assert explain(ValueError("a defect")) is None
    assert explain(KeyError("x")) is None


def test_the_region_is_read_where_every_sdk_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert Account().session.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Account().session.region_name == "eu-central-1"
