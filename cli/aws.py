"""The account a command talks to, and what its errors mean to a person.

botocore is imported when the first client is asked for: `headrace --help` needs none of it.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cli.errors import AccountFailure, Failure

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
WRONG_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMSAccessDeniedException"}
)
THROTTLED = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
RENEW = "renew them (for example `aws sso login` or `aws configure`) and repeat the command"


class Account:
    """Clients of one account and region, made when first used and then kept.

    Everything comes from the usual places of an AWS client (environment, profile, endpoint
    URL), so whether it is AWS or the local AWS is decided outside of this program.
    """

    @cached_property
    def session(self) -> "boto3.Session":
        """AWS_REGION is where the other SDKs look, and the CDK; boto3 alone does not."""
        import boto3

        return boto3.Session(region_name=os.environ.get("AWS_REGION"))

    @cached_property
    def athena(self) -> "AthenaClient":
        return self.session.client("athena", config=patient())

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self.session.client("cloudformation", config=patient())

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        return self.session.client("cloudwatch", config=patient())

    @cached_property
    def functions(self) -> "LambdaClient":
        """An invocation is waited for as long as a function may run, and never repeated."""
        return self.session.client("lambda", config=patient(read_timeout=930, attempts=1))

    @cached_property
    def glue(self) -> "GlueClient":
        return self.session.client("glue", config=patient())

    @cached_property
    def firehose(self) -> "FirehoseClient":
        return self.session.client("firehose", config=once())

    @cached_property
    def kinesis(self) -> "KinesisClient":
        return self.session.client("kinesis", config=once())

    @cached_property
    def s3(self) -> "S3Client":
        return self.session.client("s3", config=patient())

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.session.client("sqs", config=patient())


def patient(*, read_timeout: int = 60, attempts: int = 4) -> "Config":
    """For calls that are repeated by botocore until AWS has answered them."""
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def once() -> "Config":
    """For puts of many records, which `cli.producer` repeats one by one, never as a whole call.

    Sizes are the producer's too: without botocore's walk through every record the call costs a
    third less.
    """
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=30,
        parameter_validation=False,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def explain(error: BaseException) -> Failure | None:
    """The sentence for an error of botocore; None when it is not one."""
    from botocore import exceptions as its

    if isinstance(error, its.ClientError):
        return _explain_answer(error)
    if isinstance(error, its.NoCredentialsError | its.PartialCredentialsError):
        return AccountFailure(
            "No AWS credentials were found: set AWS_PROFILE, run `aws configure`, or use the "
            "local AWS with `headrace local -- COMMAND`."
        )
    if isinstance(
        error,
        its.CredentialRetrievalError
        | its.TokenRetrievalError
        | its.SSOError
        | its.UnauthorizedSSOTokenError,
    ):
        return AccountFailure(f"The AWS credentials cannot be read ({error}); {RENEW}.")
    if isinstance(error, its.NoRegionError | its.InvalidRegionError):
        what = "No AWS region is set" if isinstance(error, its.NoRegionError) else str(error)
        return AccountFailure(f"{what.rstrip('.')}: set AWS_REGION, for example to us-east-1.")
    if isinstance(error, its.ProfileNotFound | its.ConfigParseError | its.ConfigNotFound):
        return AccountFailure(f"{error}: correct AWS_PROFILE, or the AWS config file.")
    if isinstance(error, its.HTTPClientError | its.ConnectionError):
        return AccountFailure(
            f"AWS does not answer ({error}): check the network and AWS_ENDPOINT_URL, "
            "or start the local AWS with `headrace local`."
        )
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return AccountFailure(f"{error} is no URL of AWS: check AWS_ENDPOINT_URL.")
    if isinstance(error, its.BotoCoreError):
        return AccountFailure(f"The AWS client failed: {error}; see it all with --debug.")
    return None


def _explain_answer(error: Any) -> Failure:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", ""), answer.get("Message", "") or "no message"
    operation = error.operation_name
    if code in EXPIRED:
        return AccountFailure(f"The AWS credentials have expired; {RENEW}.")
    if code in WRONG_CREDENTIALS:
        return AccountFailure(f"AWS does not accept the credentials ({code}); {RENEW}.")
    if code in DENIED:
        return AccountFailure(
            f"AWS denies {operation}: {message} Ask for that permission, or use another profile."
        )
    if code in THROTTLED:
        return AccountFailure(f"AWS throttles {operation} ({code}); wait a minute and repeat it.")
    return AccountFailure(
        f"AWS refused {operation} with {code}: {message.rstrip('.')}. See it all with --debug."
    )
