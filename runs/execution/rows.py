"""The engine's state as the writer's tuples, in the order of `statements`."""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from runs.domain.results import Outcome
from runs.engine.protocols import Batch
from runs.engine.state import AttemptState, BranchState, JoinState, RunState
from runs.models import row_id

Row = tuple[object, ...]

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # escaped, not spelt out behind a backslash


def branch(run_id: int, b: BranchState, seq: int) -> Row:
    spec = b.spec
    return (
        row_id(run_id, b.number), run_id, b.number, b.join, b.pass_n, str(b.role), b.level,
        b.index, spec.label[:200], spec.item, spec.call.connection, spec.call.model, b.input_hash,
        str(b.status), b.reason, b.error_kind, b.is_cut, b.tries, b.ready_ms, b.sent_ms,
        b.first_token_ms, b.ended_ms, b.backoff_until_ms, b.held_ms, b.trail, b.input_tokens,
        b.output_tokens, b.cost_usd, b.reading[:200], seq,
    )  # fmt: skip


def attempt(run_id: int, a: AttemptState, seq: int) -> Row:
    return (
        run_id, row_id(run_id, a.branch), a.number, a.uuid, str(a.status), a.ready_ms,
        a.admitted_ms, a.sent_ms, a.first_token_ms, a.ended_ms, a.held_ms, a.held_reason,
        a.limited_ms, a.short_ms, a.status_code, a.retry_after_s, a.error_kind, a.error,
        a.input_tokens, a.output_tokens, a.cached_tokens, a.reserved_tokens, a.reserved_usd,
        a.cost_usd, a.is_cost_confirmed, a.is_hedge, seq,
    )  # fmt: skip


def answer(run_id: int, number: int, text: str) -> Row:
    return row_id(run_id, number), clean(text)


def clean(text: str) -> str:
    """PostgreSQL keeps no NUL in a text; SQLite would, so neither does."""
    return text.replace("\x00", "")


def join(run_id: int, j: JoinState, seq: int) -> Row:
    outcome = j.outcome
    return (
        row_id(run_id, j.number), run_id, j.number, j.parent, j.position, j.label[:200], j.item,
        j.children, j.branches_are_children, str(j.status), str(outcome.kind) if outcome else "",
        clean(outcome.value or "") if outcome else "", _json(outcome.quality if outcome else {}),
        seq,
    )  # fmt: skip


def outcome(run_id: int, j: JoinState, o: Outcome, pass_n: int, seq: int) -> Row:
    packed = [[c.child, str(c.kind), c.reason, c.value] for c in o.contributions]
    return (
        run_id, row_id(run_id, j.number), pass_n, str(o.kind), None if o.value is None else
        clean(o.value), o.detail, _json(packed), _json(o.quality), "{}", seq,
    )  # fmt: skip


def run(r: RunState, kpis: Mapping[str, Any]) -> dict[str, object]:
    """The run's own columns. A later pass leaves its state and figures as the first gave them."""
    counts = {str(status): n for status, n in r.counts.items() if n}
    columns: dict[str, object] = {
        "spent_usd": r.spent_usd, "reserved_usd": r.reserved_usd,
        "spent_tokens": r.spent_tokens, "reserved_tokens": r.reserved_tokens, "calls": r.calls,
        "in_flight": r.in_flight, "counts": _json(counts),
    }  # fmt: skip
    if r.pass_n > 1:
        return columns
    return {
        **columns, "status": str(r.status), "outcome": r.outcome, "reason": r.reason,
        "kpis": _json(kpis),
    }  # fmt: skip


def _json(value: object) -> str:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # keys that are no plain text, halves of surrogate pairs
        text = json.dumps(value, separators=(",", ":"))
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


class BatchRows:
    """A batch as tuples, taken on the loop, written on the writer's thread under one seq.

    The seq is the last column everywhere and is not known yet: it is filled in at the write.
    """

    __slots__ = (
        "answers", "attempts", "branches", "ended", "fence", "is_released", "joins", "outcomes",
        "pass_n", "run", "run_id", "seq",
    )  # fmt: skip

    def __init__(self, batch: Batch) -> None:
        run_id = self.run_id = batch.run_id
        seq = batch.seq + 1
        self.fence, self.seq = batch.fence, batch.seq
        self.run = run(batch.run, batch.kpis)
        self.is_released = batch.run.is_released
        self.ended = batch.run if batch.run.ended_ms is not None else None
        self.pass_n = batch.run.pass_n
        self.branches = [branch(run_id, b, seq) for b in batch.branches]
        self.attempts = [attempt(run_id, a, seq) for a in batch.attempts]
        self.joins = [join(run_id, j, seq) for j in batch.joins] if self.pass_n == 1 else []
        self.outcomes = [
            outcome(run_id, j, j.outcome, self.pass_n, seq) for j in batch.joins if j.outcome
        ]
        self.answers = [answer(run_id, number, text) for number, text in batch.answers]

    def stamp(self, seq: int) -> None:
        """Somebody else took a number in between: put the one we got on every row."""
        if seq == self.seq + 1:
            return
        for rows in (self.branches, self.attempts, self.joins, self.outcomes):
            rows[:] = [(*row[:-1], seq) for row in rows]


def watched_of(stored: object) -> dict[int, int]:
    """Watched branches by number, each until a time in ms; from JSON or what the driver made."""
    value = json.loads(stored) if isinstance(stored, str | bytes) else stored
    return {int(k): int(v) for k, v in value.items()} if isinstance(value, dict) else {}
