"""The file in which a flow keeps how far it is: whole at any moment, and one program's."""

import fcntl
import os
import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from cli.errors import Failure
from cli.tail.following import State


class Checkpoint:
    """Of one stream and the patterns that feed it. Raises Failure where it cannot be kept."""

    def __init__(self, folder: Path, stream: str, patterns: Sequence[str]) -> None:
        whole = "\0".join([stream, *(str(Path(one).absolute()) for one in patterns)])
        name = re.sub(r"[^\w.-]", "_", stream)[:80]
        self.path = folder / f"{name}-{blake2b(whole.encode(), digest_size=6).hexdigest()}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(
                self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"Another headrace tail-file follows these files onto {stream}: stop that one, or "
                "give this one a --state of its own, and every line is put twice."
            ) from None
        except OSError as error:
            raise self._unusable(error) from None

    def load(self) -> State | None:
        """What was saved; None when nothing was."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        except msgspec.MsgspecError as error:
            raise Failure(
                f"{self.path} is damaged ({error}): move it away to begin anew; lines that were "
                "put are then put again, under other ids if they have none of their own."
            ) from None

    def save(self, state: State) -> None:
        """When this returns, the state outlives a crash of the machine."""
        new = self.path.with_suffix(".new")
        try:
            new.touch(mode=0o600)
            with new.open("wb") as file:
                file.write(msgspec.json.encode(state))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unusable(error) from None

    def close(self) -> None:
        """Let another program follow."""
        os.close(self._lock)

    def _unusable(self, error: OSError) -> Failure:
        return Failure(
            f"How far the files are put cannot be kept in {self.path}: {error.strerror}. Choose "
            "another folder with --state."
        )


def state_folder() -> Path:
    """Where programs of a user keep what must outlive them."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "headrace" / "tail-file"
