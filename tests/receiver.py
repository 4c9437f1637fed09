"""A receiver of what Firehose posts to an HTTP endpoint: it takes, refuses, and breaks rules.

https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

from __future__ import annotations

import base64
import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]
HOST = "127.0.0.1"


class Receiver:
    """Keeps every request; `answer` decides what comes back. With a certificate it is https."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answer: Answer = taken
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 20

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                document = json.loads(body)
                receiver.requests.append((dict(self.headers), document))
                status, answer = receiver.answer(document)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            # Each connection shakes hands in its own thread: one that does not holds up no other.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://{HOST}:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def records(self) -> list[bytes]:
        """The records of every request, in order."""
        bodies = [body for _, body in self.requests]
        return [base64.b64decode(one["data"]) for body in bodies for one in body["records"]]


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    found = Receiver(certificate)
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()


def taken(request: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps({"requestId": request["requestId"], "timestamp": 1}).encode()


def refused(request: dict[str, Any]) -> tuple[int, bytes]:
    body = {"requestId": request["requestId"], "timestamp": 1, "errorMessage": "no"}
    return 500, json.dumps(body).encode()


def self_signed(path: Path) -> None:
    """Write the key and the certificate of a server on this machine, which nobody else signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, plain)
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
