"""A server of parweb's own in a child process: started on first need, ends with this process.

The child is a module run with `python -m`. It reads one line (a random key) from its standard
input, prints one line `… listening on URL` when it is ready, and ends when its input closes: so it
dies with its parent whatever kills that.
"""

import asyncio
import atexit
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runs.domain.errors import ProviderUnavailable
from runs.providers.texts import shortened

START_S = 60.0
STOP_S = 3.0
ROOT = Path(__file__).resolve().parents[2]
# A child gets no more of the environment than it needs: keys live there too.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    key: str


Starting = Future[Address | str]
"""Ends with the address, or with the reason why there is none."""


class Child:
    """One server process, shared by all loops and threads of this process."""

    def __init__(self, module: str, *arguments: str, called: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._called = called
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ready: Starting | None = None
        atexit.register(self.stop)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    async def address(self) -> Address:
        """Where it listens, starting it where it does not run.

        Raises `ProviderUnavailable` with the reason if it cannot be started.
        """
        ready = self._ready_or_starting()
        if not ready.done():
            await asyncio.wait([asyncio.wrap_future(ready)])
        address = ready.result()
        if isinstance(address, str):
            raise ProviderUnavailable(address, was_sent=False)
        return address

    def stop(self) -> None:
        """End the process, if it runs, and wait for its end."""
        with self._lock:
            process, self._process, self._ready = self._process, None, None
        if process is not None:
            _end(process)

    def _ready_or_starting(self) -> Starting:
        with self._lock:
            if self._ready is None or self._is_gone(self._ready):
                self._ready = Future()
                self._ready.set_running_or_notify_cancel()  # a waiter's cancel is its own affair
                threading.Thread(target=self._start, args=(self._ready,), daemon=True).start()
            return self._ready

    def _is_gone(self, ready: Starting) -> bool:
        if not ready.done():
            return False
        return isinstance(ready.result(), str) or self.pid is None

    def _start(self, ready: Starting) -> None:
        key = secrets.token_urlsafe(24)
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            try:
                process = self._spawn(log.fileno())
            except OSError as error:
                ready.set_result(f"{self._called} did not start: {error}")
                return
            url = _first_line(process, key).rpartition(" ")[2].strip()
            if not url:
                _end(process)
                log.seek(0)
                ready.set_result(f"{self._called} did not start: {_last(log)}")
                return
        if not self._adopted(process, ready):
            _end(process)  # stopped while it was starting
        ready.set_result(Address(url, key))

    def _adopted(self, process: "subprocess.Popen[str]", ready: Starting) -> bool:
        with self._lock:
            if self._ready is not ready:
                return False
            self._process = process
            return True

    def _spawn(self, log: int) -> "subprocess.Popen[str]":
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**environment, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"},
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is the parent's to handle: it drains first
        )


def _first_line(process: "subprocess.Popen[str]", key: str) -> str:
    """Hand over the key and wait for the line that says it is ready; "" if that does not come."""
    given, told = process.stdin, process.stdout
    if given is None or told is None:
        return ""
    too_late = threading.Timer(START_S, process.kill)
    too_late.start()
    try:
        given.write(f"{key}\n")
        given.flush()
        return told.readline()
    except OSError:
        return ""
    finally:
        too_late.cancel()


def _last(log: IO[str]) -> str:
    lines = [line.strip() for line in log if line.strip()]
    return shortened(lines[-1]) if lines else "it ended without a word"


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
