"""One serving process a data directory: a lock file that the kernel lets go with its holder."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

LOCK_NAME = "serving.lock"


class DataInUse(Exception):
    """Another process serves this data directory. `pid` and `url` are what it left in the file."""

    def __init__(self, directory: Path, pid: int | None, url: str) -> None:
        where = f" at {url}" if url else ""
        who = f" (process {pid})" if pid else ""
        super().__init__(
            f"parweb already runs{where}{who} with the data directory {directory}. "
            "Use that one, end it first, or set PARWEB_DATA to another directory."
        )
        self.pid = pid
        self.url = url


class DataLock:
    """Held while this process serves or executes. Raises `DataInUse` when another one holds it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: IO[str] | None = None

    def acquire(self) -> Self:
        path = self.directory / LOCK_NAME
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid, url = _read(self._file)
            self.release()
            raise DataInUse(self.directory, pid, url) from None
        self.announce("")
        return self

    def announce(self, url: str) -> None:
        """Leave word for others of who holds the lock and where it answers."""
        if self._file is None:
            return
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "url": url}, self._file)
        self._file.flush()

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def serving_url(directory: Path) -> str:
    """Where the process that serves this directory answers; empty when none does."""
    try:
        with DataLock(directory):
            return ""
    except DataInUse as error:
        return error.url
    except OSError:
        return ""


def _read(file: IO[str]) -> tuple[int | None, str]:
    try:
        found = json.loads(file.read())
        return int(found["pid"]), str(found["url"])
    except (ValueError, TypeError, KeyError):
        return None, ""
