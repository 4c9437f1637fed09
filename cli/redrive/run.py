"""One run of a redrive: the lease, the lanes, the receipt."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from cli.aws import explain
from cli.errors import Failure
from cli.failures import Archive, Stored, encoded
from cli.progress import bar
from cli.redrive.lease import Lease
from cli.redrive.receipts import Account as Books
from cli.redrive.receipts import Receipt
from cli.redrive.worker import Redrive
from events.failure import receipt_key

if TYPE_CHECKING:
    from cli.aws import Account


class Run:
    """A redrive by its id. Nothing is read from the archive before the lease is held."""

    def __init__(self, account: "Account", archive: Archive, bucket: str) -> None:
        self._account = account
        self._archive = archive
        self._bucket = bucket
        self._started_at = datetime.now(UTC)
        self._id = f"{self._started_at:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"
        self._books = Books(self._id, self._started_at, [])
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._written = False
        self._lease: Lease | None = None
        self.receipt_key = receipt_key(self._id)
        self.interrupted = False

    @property
    def overtaken(self) -> bool:
        """Whether another run may be at work: then this one must not go on."""
        return self._lease is not None and self._lease.lost

    def interrupt(self) -> None:
        """Stop soon, accounted for; safe in a signal handler."""
        self.interrupted = True
        self._stopping.set()

    @contextmanager
    def held(self, say: Callable[[str], None]) -> Iterator[None]:
        """Alone at work. Raises Overtaken."""
        self._lease = Lease(
            self._account.s3,
            self._bucket,
            self._id,
            say=say,
            beat=self._beat,
        )
        with self._lease, _uncollected():
            yield

    def redrive(
        self, stored: Sequence[Stored], *, together: int, shown: bool
    ) -> tuple[Receipt, Exception | None]:
        """The receipt, and what ended the run early. Without batches nothing is written.

        A batch whose records are all gone is accounted for too, in every run that is to redrive
        it: what is lost stays lost, and a run does not call everything recovered because one
        before it has said so."""
        self._books = Books(self._id, self._started_at, (one.summary for one in stored))
        if not stored:
            return self._books.receipt(datetime.now(UTC)), None
        self._beat()
        error = self._attempt(stored, together, shown=shown)
        return self._write(self._books.receipt(datetime.now(UTC), self._why(error))), error

    def _attempt(self, stored: Sequence[Stored], together: int, *, shown: bool) -> Exception | None:
        account, books = self._account, self._books
        redrive = Redrive(
            self._archive,
            account.functions,
            account.kinesis,
            books,
            self._stopping,
            lambda: self.overtaken,
        )
        total = sum(one.summary.records for one in stored)
        try:
            with bar(
                "redrive",
                put=lambda: books.done,
                position=lambda: (books.done, total),
                shown=shown,
                word="done",
            ) as progress:
                redrive.run(stored, together=together, progress=progress)
        except Exception as error:  # told when the account of what was done is written
            return error
        return None

    def _why(self, error: Exception | None) -> str:
        if error is not None:
            failure = error if isinstance(error, Failure) else explain(error)
            return str(failure) if failure else type(error).__name__
        if self.overtaken:
            return "another redrive has taken over"
        return "interrupted" if self.interrupted else ""

    def _beat(self) -> None:
        """Write the receipt so far: a run that is killed leaves one."""
        if not self._written:
            self._write(self._books.receipt())

    def _write(self, receipt: Receipt) -> Receipt:
        """Put it, but never an unfinished one over the finished one."""
        with self._writing:
            if not self._written and receipt.totals.batches:
                self._archive.put(self.receipt_key, encoded(receipt))
            self._written = receipt.finished_at is not None
        return receipt


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of records in memory are no garbage: a collector that walks through all of them
    again and again takes a third of the time that reading them does."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
