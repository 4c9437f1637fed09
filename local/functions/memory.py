"""How much memory a process uses, in bytes.

What counts against a function's limit is what cannot be given back: anonymous and shared
pages, not the pages of shared libraries, which the kernel shares between all environments.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
SLOW_SECONDS = 1.0
"""How often `ps` is asked where there is no /proc."""


class Meter:
    """Reads one process's memory; 0 where it cannot be told, or the process is gone."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._peak = 0
        self._asked = 0.0
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(f"/proc/{process}/status", os.O_RDONLY | os.O_CLOEXEC)

    def used(self) -> int:
        """What counts against the limit, now."""
        if self._file is None:
            return self._from_ps()
        status = self._status()
        self._peak = max(self._peak, status.get(b"VmHWM", 0))
        return status.get(b"RssAnon", 0) + status.get(b"RssShmem", 0)

    def peak(self) -> int:
        """The most the process has had in memory, shared libraries included."""
        self.used()
        return self._peak

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _status(self) -> dict[bytes, int]:
        try:
            text = os.pread(self._file or 0, 4096, 0)
        except OSError:
            return {}
        start = max(text.find(b"VmHWM"), 0)
        fields = (line.split() for line in text[start:].splitlines()[:6])
        return {name[:-1]: int(size) * 1024 for name, size, *_ in fields if size.isdigit()}

    def _from_ps(self) -> int:
        if Path("/proc/self/status").exists() or time.monotonic() - self._asked < SLOW_SECONDS:
            return 0
        self._asked = time.monotonic()
        command = ["ps", "-o", "rss=", "-p", str(self._process)]
        answer = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  fixed
        used = int(answer.stdout.strip() or 0) * 1024
        self._peak = max(self._peak, used)
        return used
