"""The simulated provider as a process of its own: its CPU, its settings while it runs, and its
ledger of every request, which is believed whatever the clients say."""

import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil

from runs.providers.simulator.answers import answer
from runs.providers.simulator.prompts import question
from runs.providers.simulator.server import seed_of

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: its times (seconds of the wall clock), its end and the fault it met, which
    `began_later` than the request."""

    uuid: str
    prompt_hash: str
    nth: int
    started: float
    ended: float
    status: int
    is_whole: bool
    fault: str
    began_later: bool
    input_tokens: int
    output_tokens: int


class Provider:
    def __init__(self, process: "subprocess.Popen[str]", url: str, ledger: Path, seed: int) -> None:
        self.process = process
        self.url = url
        self.seed = seed
        self._ledger = ledger

    @cached_property
    def _seen(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def cpu_s(self) -> float:
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def change(self, **settings: Any) -> None:
        body = json.dumps(settings).encode()
        with urlopen(Request(f"{self.url}/_simulator/settings", body, method="POST")) as reply:
            reply.read()

    def in_flight(self) -> int:
        with urlopen(f"{self.url}/_simulator/settings") as reply:
            return int(json.load(reply)["counts"]["in_flight"])

    def entries(self) -> list[Entry]:
        """Every request so far in the order of arrival; one still open has ended = inf."""
        rows = [json.loads(line) for line in self._ledger.read_text("utf-8").splitlines()]
        ends = {row["number"]: row for row in rows if row["event"] == "end"}
        asked: Counter[str] = Counter()
        entries = []
        for start in rows:
            if start["event"] != "start":
                continue
            end = ends.get(start["number"], {})
            name = start["prompt_hash"]
            entries.append(
                Entry(
                    uuid=start["uuid"], prompt_hash=name, nth=asked[name],
                    started=start["at"], ended=end.get("at", float("inf")),
                    status=end.get("status", 0), is_whole=end.get("sent_all", False),
                    fault=end.get("fault", "") or start["fault"],
                    began_later=bool(end.get("fault")) and not start["fault"],
                    input_tokens=start["input_tokens"],
                    output_tokens=end.get("output_tokens", 0),
                )
            )  # fmt: skip
            asked[name] += 1
        return entries

    def texts(self, body: dict[str, Any], tokens: int, times: int) -> list[str]:
        """What it answers to this call, asked so many times: its answers follow from its seed,
        under a latency that is fixed."""
        asked = question(body)
        texts = []
        for nth in range(times):
            rng = random.Random(seed_of(self.seed, asked.digest, nth))
            rng.random()  # which fault
            texts.append(answer(asked, rng, tokens).text)
        return texts


def digest(body: dict[str, Any]) -> str:
    return question(body).digest


def most_at_once(entries: list[Entry]) -> int:
    """The most requests that were open at the same time."""
    moments = sorted(
        [(entry.started, 1) for entry in entries] + [(entry.ended, -1) for entry in entries]
    )
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


@contextmanager
def started(arguments: tuple[str, ...], seed: int, *, keeps_ledger: bool) -> Iterator[Provider]:
    with tempfile.TemporaryDirectory() as directory:
        ledger = Path(directory) / "ledger.jsonl"
        kept = [f"--ledger={ledger}"] if keeps_ledger else []
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "runs.providers.simulator", "--port=0"),
                "--until-input-closes",  # it ends with us, however we end
                *(f"--seed={seed}", *kept, *arguments),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stdout)))
            yield Provider(process, found.group(), ledger, seed)
        finally:
            process.terminate()
            process.communicate()
