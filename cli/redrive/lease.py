"""One redrive at a time: an object in the lake's bucket that its holder writes every few seconds.

It is created only when it is not there, and written and taken over only as the version that was
read (S3's conditional writes), so two can never hold it. Whoever was killed leaves it behind; its
age is the difference of two clocks of S3 itself, and when it is old enough the next one takes it.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from cli.errors import Overtaken
from events.failure import PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = f"{PREFIX}redrives/lease.json"
RENEWED = 5.0
"""Seconds between two writings of it."""
DEAD = 30.0
"""Seconds without one after which nobody holds it."""
LOOKED = 1.0
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404"})


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the object."""

    run: str
    started_at: datetime
    renewed: int = 0
    """Nanoseconds since 1970: a version is known by its content, so no two may be the same."""


class Lease:
    """Held while the `with` block lasts, by a thread that renews it.

    Whoever has lost it must stop. `beat` is called at every renewal.
    """

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        run: str,
        *,
        say: Callable[[str], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._s3 = s3
        self._place: dict[str, Any] = {"Bucket": bucket, "Key": KEY}
        self._holder = Holder(run=run, started_at=datetime.now(UTC))
        self._say = say
        self._beat = beat
        self._renewed_at = 0.0
        self._etag = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether somebody else may hold it, even while a call that renews it hangs."""
        old = time.monotonic() - self._renewed_at > DEAD
        return self._lost or (old and not self._ended.is_set())

    def __enter__(self) -> "Lease":
        """Raises Overtaken when another run holds it and is alive."""
        while not self._create():
            self._take_over()
            if self._etag:
                break
        self._renewed_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        self._lost = self.lost
        self._ended.set()
        self._thread.join()
        if self._lost:
            return
        try:
            self._s3.delete_object(**self._place, IfMatch=self._etag)
        except (BotoCoreError, ClientError):
            # It is somebody else's, or it grows old by itself.
            return

    def _create(self) -> bool:
        self._etag = self._put(IfNoneMatch="*")
        return bool(self._etag)

    def _take_over(self) -> None:
        """Wait until the holder shows that it lives, ends, or must be dead."""
        seen, told = "", False
        while found := self._look():
            etag, age, holder = found
            if seen and etag != seen:
                raise Overtaken(
                    f"Redrive {holder.run}, begun at {holder.started_at:%H:%M:%S} UTC, is running "
                    "now: wait until it has ended, then repeat the command."
                )
            seen = etag
            if age > DEAD:
                self._etag = self._put(IfMatch=etag)
                return
            if not told:
                told = True
                self._say(
                    f"Redrive {holder.run} was here {age:.0f} s ago; going on in "
                    f"{DEAD - age:.0f} s unless it does."
                )
            time.sleep(LOOKED)

    def _look(self) -> tuple[str, float, Holder] | None:
        """Its version, its age in seconds, and whose it is; None when it is gone."""
        try:
            answer = self._s3.get_object(**self._place)
        except self._s3.exceptions.NoSuchKey:
            return None
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        holder = msgspec.json.decode(answer["Body"].read(), type=Holder)
        return answer["ETag"], (now - answer["LastModified"]).total_seconds(), holder

    def _put(self, **condition: Any) -> str:
        """The new version; nothing when the condition does not hold."""
        from botocore.exceptions import ClientError

        body = msgspec.json.encode(replace(self._holder, renewed=time.time_ns()))
        try:
            return str(self._s3.put_object(**self._place, Body=body, **condition)["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            return ""

    def _renew(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not self._ended.wait(RENEWED) and not self.lost:
            begun = time.monotonic()
            try:
                self._etag = self._put(IfMatch=self._etag)
                if not self._etag:
                    break
                self._renewed_at = begun
                self._beat()
            except (BotoCoreError, ClientError):
                # Tried again until it is too old.
                continue
        self._lost = self.lost or not self._etag
