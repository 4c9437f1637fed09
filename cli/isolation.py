"""The environment in which every AWS client talks to the local AWS, and to nothing else."""

import os
import shlex
from collections.abc import Mapping

HOST = "127.0.0.1"
REGION = "us-east-1"
KEY = "headrace"
"""A key of our own: the CDK caches access key -> account, so a key shared with another emulator
would answer with the wrong account."""
HARMLESS = frozenset(
    {"AWS_PAGER", "AWS_DEFAULT_OUTPUT", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_CA_BUNDLE"}
)
"""Variables of AWS clients that a person may keep: they choose no account and no endpoint."""
DANGEROUS = ("AWS_PROFILE", "AWS_SESSION_TOKEN")
"""What would win over the keys, or be sent along with them; unset even where it is not set."""


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The files are named because a profile may have endpoints and credentials of its own."""


def isolated(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without anything that could reach a real account.

    Requests to this machine must not go through a proxy either.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("AWS_") or name in HARMLESS
    }
    proxied = environ.get("NO_PROXY") or environ.get("no_proxy")
    kept["NO_PROXY"] = kept["no_proxy"] = f"{proxied},{HOST}" if proxied else HOST
    return kept | CREDENTIALS


def pointed_at(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which every AWS client talks to `endpoint` alone."""
    urls = {"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_S3": endpoint}
    return isolated(environ) | urls


def exports(endpoint: str, environ: Mapping[str, str]) -> str:
    """The same for `eval` in a POSIX shell that runs with `environ`."""
    wanted = pointed_at(endpoint, environ)
    gone = {name for name in environ if name not in wanted} | set(DANGEROUS)
    new = {name: value for name, value in wanted.items() if environ.get(name) != value}
    return "\n".join(
        [f"unset {' '.join(sorted(gone))}"]
        + [f"export {name}={shlex.quote(value)}" for name, value in sorted(new.items())]
    )
