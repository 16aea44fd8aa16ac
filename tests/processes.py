"""Fixtures and helpers for processes of their own: parweb itself, the simulator, servers.

Everything listens on a free port of this machine and ends with its test.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parweb_environment(data: Path, **changes: str) -> dict[str, str]:
    """This process's environment for a parweb of its own: its settings and data directory."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PARWEB_", "DATABASE_URL", "DJANGO_"))
    }
    return {**inherited, "PARWEB_DATA": str(data), "PYTHONUNBUFFERED": "1", **changes}


@dataclass
class Child:
    """A child process whose output is read line by line."""

    process: subprocess.Popen[str]
    lines: list[str]
    _unread: str = ""

    def wait_for_line(self, pattern: str, patience_s: float = PATIENCE_S) -> re.Match[str]:
        """The match in the first further line of output that has one."""
        until = time.monotonic() + patience_s
        while (line := self._next_line(until)) is not None:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"No line like {pattern!r} in:\n" + "\n".join(self.lines))

    def _next_line(self, until: float) -> str | None:
        """None at the end of the output and of patience. Reads past Python's own buffer."""
        assert self.process.stdout
        output = self.process.stdout.fileno()
        while "\n" not in self._unread:
            left = max(0.0, until - time.monotonic())
            if not select.select([output], [], [], left)[0]:
                return None
            if not (read := os.read(output, 65_536)):
                return None
            self._unread += read.decode("utf-8", "replace")
        line, _, self._unread = self._unread.partition("\n")
        return line

    def stop(self, patience_s: float = 15.0) -> int:
        """SIGTERM and the exit code; what does not end in time is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            output, _ = self.process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        self.lines.extend((self._unread + output).splitlines())
        self._unread = ""
        return self.process.returncode


def start_child(arguments: list[str], environment: Mapping[str, str]) -> Child:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    return Child(process, [])


@dataclass
class Parweb:
    """A serving parweb: `url` without a closing slash, `link` signs its first user in once."""

    child: Child
    url: str
    link: str
    data: Path

    def manage(self, *arguments: str, timeout_s: float = PATIENCE_S) -> str:
        """Output of a management command on the same data directory."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=parweb_environment(self.data),
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        ).stdout

    def stop(self) -> int:
        return self.child.stop()

    def kill(self) -> None:
        """As `kill -9` does: no goodbye."""
        self.child.process.kill()
        self.child.process.wait()


ServeParweb = Callable[..., Parweb]


@pytest.fixture
def serve_parweb(tmp_path: Path) -> Iterator[ServeParweb]:
    """Starts parweb as `make up` does: `serve_parweb(data=…, port=…, **environment)`."""
    started: list[Parweb] = []

    def serve(data: Path | None = None, port: int = 0, **environment: str) -> Parweb:
        directory = data or tmp_path / "data"
        child = start_child(
            ["manage.py", "serve", "--port", str(port)],
            parweb_environment(directory, **environment),
        )
        try:
            link = child.wait_for_line(r"parweb is ready: (\S+)").group(1)
        except AssertionError:
            child.stop()
            raise
        parweb = Parweb(child, link.partition("/sign-in/")[0], link, directory)
        started.append(parweb)
        return parweb

    yield serve
    for parweb in started:
        parweb.stop()


@dataclass
class Simulator:
    """A simulated provider and its ledger, the oracle of what was really called."""

    child: Child
    base_url: str
    ledger: Path

    def change(self, **settings: object) -> None:
        """How it behaves from now on; calls that have begun keep their latency."""
        address = self.base_url.removesuffix("/v1") + "/_simulator/settings"
        body = json.dumps(settings).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def entries(self) -> list[dict[str, Any]]:
        lines = self.ledger.read_text("utf-8").splitlines() if self.ledger.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]


StartSimulator = Callable[..., Simulator]


@pytest.fixture
def start_simulator(tmp_path: Path) -> Iterator[StartSimulator]:
    """Starts a simulated provider: `start_simulator("--latency", "fixed:0.05", …)`."""
    started: list[Simulator] = []

    def start(*options: str) -> Simulator:
        port = free_port()
        ledger = tmp_path / f"ledger-{port}.jsonl"
        child = start_child(
            [
                *("-m", "runs.providers.simulator"),
                *("--port", str(port), "--ledger", str(ledger)),
                *options,
            ],
            parweb_environment(tmp_path),
        )
        simulator = Simulator(child, f"http://127.0.0.1:{port}/v1", ledger)
        started.append(simulator)
        wait_for_port(port, child)
        return simulator

    yield start
    for simulator in started:
        simulator.child.stop()


@pytest.fixture
def simulator(start_simulator: StartSimulator) -> Simulator:
    """A quick simulated provider: 20 ms a call."""
    return start_simulator("--latency", "fixed:0.02")


def wait_for_port(port: int, child: Child, patience_s: float = PATIENCE_S) -> None:
    """Until something listens there; a child that ended first fails the test with its output."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if child.process.poll() is not None:
            child.stop()
            raise AssertionError("The process ended early:\n" + "\n".join(child.lines))
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"Nothing listens on port {port}.")
