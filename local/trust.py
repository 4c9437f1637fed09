"""Who signs the certificates of what the local AWS serves by TLS: an authority of its own.

Its key lives in this process and nowhere else. AWS's services show certificates of Amazon's public
authority, which every function trusts; so functions here are given `bundle()`.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # cryptography is imported when the first certificate is asked for
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

VALID = timedelta(days=30)
ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the authorities they trust, if not where their OpenSSL says."""


def certificate(host: str) -> bytes:
    """A new key and the certificate of a server that is reached as `host` or as localhost, PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    alternatives: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        alternatives.append(x509.IPAddress(ip_address(host)))
    except ValueError:
        alternatives.append(x509.DNSName(host))
    authority_key, authority = _authority()
    made = _signed(key, host, authority.subject, authority_key, alternatives)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


@cache
def bundle() -> bytes:
    """The authorities that functions trust, PEM: this one, the machine's, and those that
    SSL_CERT_FILE gives to the local AWS itself."""
    from cryptography.hazmat.primitives import serialization

    own = _authority()[1].public_bytes(serialization.Encoding.PEM)
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
def _authority() -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    common = x509.NameAttribute(x509.NameOID.COMMON_NAME, "Headrace local AWS")
    return key, _signed(key, common.value, x509.Name([common]), key, [])


def _signed(
    key: EllipticCurvePrivateKey,
    name: object,
    issuer: x509.Name,
    issuer_key: EllipticCurvePrivateKey,
    alternatives: list[x509.GeneralName],
) -> x509.Certificate:
    """A certificate for the key: an authority's when it has no alternative names."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.now(UTC)
    public = issuer_key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, str(name))]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.BasicConstraints(ca=not alternatives, path_length=None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    else:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
