"""Who signs the certificates of what the local AWS serves by TLS: an authority of its own.

Its key lives in this process and nowhere else. AWS's services show certificates of Amazon's public
authority, which every function trusts; so functions here are given `bundle()`.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is imported when the first certificate is asked for
    import trustme

ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the authorities they trust, if not where their OpenSSL says."""


def certificate(host: str) -> bytes:
    """A new key and the certificate of a server that is reached as `host` or as localhost, PEM."""
    issued = _authority().issue_cert(*{"localhost", host})
    return issued.private_key_and_cert_chain_pem.bytes()


@cache
def bundle() -> bytes:
    """The authorities that functions trust, PEM: this one, the machine's, and those that
    SSL_CERT_FILE gives to the local AWS itself."""
    own = _authority().cert_pem.bytes()
    given = os.environ.get("SSL_CERT_FILE")
    named = [Path(given)] if given else []
    machine = [Path(ssl.get_default_verify_paths().openssl_cafile), *map(Path, ROOTS)]
    found = [path for path in machine if path.is_file()][:1]
    texts = [path.read_bytes() for path in [*named, *found] if path.is_file()]
    return b"\n".join([own, *(_certificates(text) for text in texts)])


def _certificates(text: bytes) -> bytes:
    """The certificates of a file, without a private key that may be beside them."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    parts = [part.partition(end)[0] for part in text.split(begin)[1:]]
    return b"\n".join(begin + part + end for part in parts)


@cache
def _authority() -> trustme.CA:
    import trustme

    return trustme.CA(organization_name="Headrace local AWS")
