"""A cache's process: a Valkey server with nothing but a socket of its own, and a door before it.

It lives as long as its standard input: when that ends, with the local AWS or because the cache is
deleted, the server ends and its folder goes. Lines of JSON come in (`Wanted` first, then what
changes: {"users": access strings by name} or {"memory": bytes}) and each is answered with one:
{"port": …}, {}, or {"error": …}.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.cache.door import GONE, Guard, serve
from local.cache.resp import Asker, Refused
from local.cache.tokens import Cache, wrong

ADMIN = "headrace-node"
START_SECONDS = 20.0
POLL_SECONDS = 0.005
SLOTS = 16_383
PR_SET_PDEATHSIG = 1
CONFIGURATION = """port 0
bind 127.0.0.1
unixsocket {folder}/socket
unixsocketperm 700
dir {folder}
cluster-enabled yes
cluster-port {bus}
cluster-announce-ip {host}
cluster-announce-port {port}
save ""
appendonly no
maxmemory {memory}
maxmemory-policy volatile-lru
user default off
user {admin} on >{password} ~* &* +@all
"""
"""Memory as ElastiCache Serverless treats it: when it is full, keys with a time to live go.
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Scaling.html"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`host` is what the door listens on and clients reach it by; `folder` is the node's own, with
    the door's key and certificate in `certificate`."""

    name: str
    region: str
    host: str
    folder: str
    certificate: str
    server: str
    memory: int

    def line(self) -> str:
        return json.dumps(asdict(self))


class Node:
    """A running server and its door."""

    def __init__(self, wanted: Wanted) -> None:
        """Raises OSError, Refused, RuntimeError when either does not start."""
        self._wanted = wanted
        self._inside = f"{wanted.folder}/socket"
        self._passwords: dict[str, str] = {}
        self._told: set[str] = set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(wanted.certificate)
        family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
        self._listener = socket.create_server((wanted.host, 0), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        password = secrets.token_hex(32)
        self._server = self._start(password)
        try:
            self._ask = self._connected(password)
            self._ask("CLUSTER", "ADDSLOTSRANGE", "0", str(SLOTS))
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._open, args=(password,), daemon=True).start()

    def admit(self, users: dict[str, str]) -> None:
        """Let in these users, by name with what they may, and no others; raises Refused."""
        for name, access in users.items():
            password = self._passwords.get(name) or secrets.token_hex(32)
            self._ask("ACL", "SETUSER", name, "reset", f">{password}", *access.split())
            self._passwords[name] = password
        for name in self._passwords.keys() - users.keys():
            del self._passwords[name]
            self._ask("ACL", "DELUSER", name)

    def limit(self, memory: int) -> None:
        """Keep this many bytes at most; raises Refused."""
        self._ask("CONFIG", "SET", "maxmemory", str(memory))

    def close(self) -> None:
        self._listener.close()
        self._server.kill()
        self._server.wait()

    def _start(self, password: str) -> subprocess.Popen[bytes]:
        folder = Path(self._wanted.folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            bus = free.getsockname()[1]
        configuration = folder / "valkey.conf"
        configuration.touch(0o600)
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                bus=bus,
                host=self._wanted.host,
                port=self.port,
                memory=self._wanted.memory,
                admin=ADMIN,
                password=password,
            )
        )
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603  the server is what this is here to run
                [self._wanted.server, str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def _connected(self, password: str) -> Asker:
        """Who asks the server, as soon as it answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._server.poll() is None:
            inside = socket.socket(socket.AF_UNIX)
            try:
                inside.connect(self._inside)
            except OSError:
                inside.close()
                time.sleep(POLL_SECONDS)
                continue
            ask = Asker(inside)
            ask("AUTH", ADMIN, password)
            return ask
        told = (Path(self._wanted.folder) / "log").read_text(errors="replace").splitlines()[-3:]
        raise RuntimeError(f"the Valkey server did not start: {' '.join(told)}")

    def _open(self, password: str) -> None:
        """Open the door when the server, which first waits for others, holds all slots: a second
        in which nobody has to wait for this but the first client. Until the cache ends, however
        early that is."""
        with contextlib.suppress(OSError):
            with socket.socket(socket.AF_UNIX) as inside:
                inside.connect(self._inside)
                ask = Asker(inside)
                ask("AUTH", ADMIN, password)
                while b"cluster_state:ok" not in ask("CLUSTER", "INFO"):
                    time.sleep(POLL_SECONDS)
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(*GONE):
            serve(client, self._context, self._inside, Guard(self._password))

    def _password(self, user: str, token: str) -> str | None:
        cache = Cache(self._wanted.name, self._wanted.region)
        why = wrong(token, user=user, cache=cache, now=datetime.now(UTC))
        known = self._passwords.get(user)
        if known is None:
            why = f"there is no user {user!r} in the cache's user group"
        if why and why not in self._told:
            self._told.add(why)
            sys.stderr.write(f"cache {self._wanted.name}: a token was refused: {why}\n")
            sys.stderr.flush()
        return None if why else known


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    wanted = Wanted(**json.loads(sys.stdin.readline()))
    node = None
    try:
        try:
            node = Node(wanted)
            say({"port": node.port})
        except (OSError, Refused, RuntimeError) as error:
            say({"error": str(error)})
            return
        for line in sys.stdin:
            try:
                change = json.loads(line)
                if "memory" in change:
                    node.limit(change["memory"])
                else:
                    node.admit(change["users"])
                say({})
            except Refused as error:
                say({"error": str(error)})
    finally:
        if node:
            node.close()
        shutil.rmtree(wanted.folder, ignore_errors=True)


def say(answer: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
