"""What the local AWS runs with: one typed value, set before the parts are installed."""

from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
ACCESS_KEY = "headrace"
"""A key of our own: the CDK caches access key -> account, so a key shared with another
emulator would answer with the wrong account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one running local AWS; `port` 0 means: pick a free one."""

    host: str = "127.0.0.1"
    port: int = 4566
    buffering_scale: float = 0.05
    """Buffering intervals of delivery streams are multiplied by this (60 s -> 3 s)."""
    shard_limits: bool = False
    """Whether shards refuse what is above AWS's rates."""
    resharding_seconds: float = 0.0
    """How long a stream is UPDATING after its shards were changed (on AWS about 30 a shard)."""
    account: str = ACCOUNT
    region: str = REGION

    @property
    def endpoint(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that points any AWS client at this local AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }


_current = Settings()


def current() -> Settings:
    """The settings of the local AWS that runs in this process."""
    return _current


def use(settings: Settings) -> None:
    """Make `settings` the current ones; the server does so before it installs the parts."""
    global _current
    _current = settings


def client(of: Settings, service: str, **options: Any) -> Any:
    """A boto3 client of the local AWS with these settings; `options` are boto3's."""
    import boto3  # takes 0.2 s, and the server itself does not need it

    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=of.endpoint,
        region_name=of.region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
        **options,
    )
