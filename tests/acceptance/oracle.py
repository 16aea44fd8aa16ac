"""Holds what parweb says against the simulated provider's own ledger of requests."""

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.processes import ROOT, Parweb, Simulator, parweb_environment

try:
    import psycopg
except ImportError:  # the extra `cluster` is not installed, and nothing asks for it
    pass

PATIENCE_S = 90.0
Database = Path | str  # a data directory with SQLite's file, or the address of a PostgreSQL


def run_file(path: Path, base_url: str, branches: int, **changes: Any) -> Path:
    """A run of `branches` lines, each its own prompt, against a simulated provider."""
    spec: dict[str, Any] = {
        "name": f"Lines {path.stem}",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "on_failure": {"policy": "mark_gaps"},
        "split": {"by": "line"},
        "prompts": [{"name": "Repeat", "text": "Repeat: {{ line.text }}"}],
        "call": {"connection": path.stem, "model": "simulated", "max_tokens": 200},
        "limits": {"tries": 4, "deadline_s": 20},
        "provider": {
            "name": path.stem, "kind": "simulated", "base_url": base_url, "in_flight": 8,
        },
        "input": {"text": "\n".join(f"line number {n}" for n in range(branches))},
    }  # fmt: skip
    path.write_text(yaml.safe_dump(spec | changes), "utf-8")
    return path


@dataclass
class Launch:
    """`manage.py launch … --json` beside a serving parweb."""

    process: subprocess.Popen[str]

    def result(self, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=patience_s)
        assert out, err
        answer: dict[str, Any] = json.loads(out)
        return answer


def launch(data: Path, *arguments: str, **environment: str) -> Launch:
    return Launch(
        subprocess.Popen(
            [sys.executable, "manage.py", "launch", *arguments, "--json"],
            cwd=ROOT,
            env=parweb_environment(data, **environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


def wait_for_starts(simulator: Simulator, starts: int, patience_s: float = 30.0) -> None:
    """Until the ledger holds so many requests."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        if sum(entry["event"] == "start" for entry in simulator.entries()) >= starts:
            return
        time.sleep(0.002)
    raise AssertionError(f"The ledger never held {starts} requests.")


def finished_uuids(database: Database) -> set[str]:
    """Attempts of branches that are committed in a terminal state, straight from the database."""
    return {row[0] for row in query(database, FINISHED)}


FINISHED = (
    "SELECT a.uuid FROM runs_attempt a JOIN runs_branch b ON b.id = a.branch_id "
    "WHERE b.status IN ('succeeded', 'failed')"
)


def query(database: Database, sql: str) -> list[tuple[Any, ...]]:
    if isinstance(database, str):
        with psycopg.connect(database) as server:
            return server.execute(sql.encode()).fetchall()
    with sqlite3.connect(f"file:{database / 'parweb.sqlite3'}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def open_requests(entries: list[dict[str, Any]]) -> set[str]:
    """Requests without an end, by uuid."""
    started = {e["uuid"] for e in entries if e["event"] == "start"}
    return started - {e["uuid"] for e in entries if e["event"] == "end"}


def prompts_of(entries: list[dict[str, Any]], uuids: set[str]) -> set[str]:
    return {e["prompt_hash"] for e in entries if e["event"] == "start" and e["uuid"] in uuids}


def check_after_kill(
    before: list[dict[str, Any]], finished: set[str], after: list[dict[str, Any]]
) -> None:
    """P2: no finished branch is called again. P3: at most the calls in flight are repeated."""
    later = [e for e in after[len(before) :] if e["event"] == "start"]
    called_again = {e["prompt_hash"] for e in later} & prompts_of(before, finished)
    assert not called_again
    repeated = {e["prompt_hash"] for e in before if e["event"] == "start"} & {
        e["prompt_hash"] for e in later
    }
    started = {e["uuid"] for e in before if e["event"] == "start"}
    assert len(repeated) <= len(started - finished), "more than was in flight was repeated"
    calls = Counter(e["prompt_hash"] for e in after if e["event"] == "start")
    assert max(calls.values()) <= 2


def kill_and_return(parweb: Parweb, simulator: Simulator) -> tuple[list[dict[str, Any]], set[str]]:
    """kill -9; what the ledger held and what was finished at that instant."""
    parweb.kill()
    return simulator.entries(), finished_uuids(parweb.data)
