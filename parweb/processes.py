"""A cluster's processes on one machine: child processes whose output is passed on, line by line."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRACE_S = 12.0
LOOK_EVERY_S = 0.2


class Child:
    """A process of the cluster, in a session of its own, so that Ctrl-C reaches only the parent."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        write: Callable[[str], None],
    ) -> None:
        self.name = name
        self._write = write
        self._found = threading.Event()
        self._line = ""
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, text: str, patience_s: float, is_over: threading.Event) -> str:
        """The first line with this text; empty if the process ended, took too long or is over.

        The line itself is not passed on; all others are, now and later.
        """
        threading.Thread(target=self._read, args=[text], daemon=True).start()
        until = time.monotonic() + patience_s
        while not self._found.wait(LOOK_EVERY_S):
            if is_over.is_set() or time.monotonic() > until:
                break
        return self._line

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def _read(self, awaited: str) -> None:
        for line in self.process.stdout or ():
            if awaited in line and not self._line:
                self._line = line.rstrip("\n")
                self._found.set()
            else:
                self._write(f"[{self.name}] {line.rstrip()}")
        self._found.set()


def end(children: list[Child], grace_s: float = GRACE_S) -> None:
    """SIGTERM to all at once; what has not ended after the grace is killed."""
    for child in children:
        if not child.has_ended():
            child.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + grace_s
    for child in children:
        try:
            child.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
