"""A run's rows as the JSON that viewers read: the only place that knows the format.

Knows nothing of sockets and of who may see what. Rows carry the number of their last change, so
a delta is what changed after a number, and a snapshot is the delta after 0.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from runs.domain.states import OPEN_RUN
from runs.live.columns import START, Mark, count, one_view, page
from runs.models import Answer, Attempt, Branch, Join, Run, row_id
from runs.queries.runs import BRANCH_COLUMNS

MAX_ROWS = 5000

JOINS = {
    "number": "number",
    "parent": "parent_number",
    "position": "position",
    "label": "label",
    "children": "children",
    "status": "status",
    "outcome": "outcome",
    "value": "value",
    "quality": "quality",
}
ATTEMPTS = {
    "number": "number",
    "status": "status",
    "ready": "ready_ms",
    "admitted": "admitted_ms",
    "sent": "sent_ms",
    "first": "first_token_ms",
    "ended": "ended_ms",
    "held": "held_ms",
    "held_reason": "held_reason",
    "code": "status_code",
    "retry_after": "retry_after_s",
    "error_kind": "error_kind",
    "error": "error",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cost": "cost_usd",
    "confirmed": "is_cost_confirmed",
}
RUN = (
    *("id", "number", "status", "outcome", "reason", "pattern", "method", "in_flight", "counts"),
    *("kpis", "spent_usd", "reserved_usd", "budget_usd", "cancel_wanted", "hold_wanted"),
    *("is_simulated", "baseline"),
)
_RUN_ALSO = (
    *("seq", "launched_at", "ended_at", "branches_planned", "in_flight_wanted", "connections"),
    *("spec__limits__in_flight", "spec__call__connection"),
)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a viewer stands: it has every change up to `base` and, while a delta to `seq` is under
    way, that delta's parts before `part`. Viewers at equal positions get equal bodies."""

    base: int = 0
    seq: int | None = None
    part: int = 1
    parts: int = 1
    joins: Mark = START
    branches: Mark = START


@dataclass(frozen=True, slots=True)
class Body:
    """One part of a delta, encoded but for its frame number and details. Its reader stands at
    `after` then."""

    text: str
    base: int
    after: Position

    @property
    def is_last(self) -> bool:
        return self.after.seq is None

    @property
    def holds_changes(self) -> bool:
        return not self.is_last or self.after.base != self.base


@dataclass(frozen=True, slots=True)
class Detail:
    """A watched branch: its attempts as `(seq, values…)`, and its answer if there is one."""

    seq: int
    attempts: tuple[tuple[Any, ...], ...] = ()
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a run saw, in one view: bodies for who stands where."""

    seq: int
    is_open: bool
    bodies: Mapping[Position, Body] = field(default_factory=dict)
    details: Mapping[int, Detail] = field(default_factory=dict)


def frames(
    run_id: int, base: int, watched: Collection[int] = (), max_rows: int = MAX_ROWS
) -> list[dict[str, Any]]:
    """The delta after `base` in numbered parts, watched branches whole. Empty where nothing
    changed and nothing is watched. Raises `Run.DoesNotExist`."""
    return [json.loads(text) for text in encoded_frames(run_id, base, watched, max_rows)]


def encoded_frames(
    run_id: int, base: int, watched: Collection[int] = (), max_rows: int = MAX_ROWS
) -> list[str]:
    """As `frames`, each as the JSON it is sent as."""
    with one_view():
        run = _read_run(run_id)
        details = _details(run_id, watched)
        if run.seq == base and not details:
            return []
        bodies = [_body(run, Position(base), max_rows)]
        while not bodies[-1].is_last:
            bodies.append(_body(run, bodies[-1].after, max_rows))
    return [frame(n, body, details, details.keys()) for n, body in enumerate(bodies, 1)]


def look(
    run_id: int,
    positions: Mapping[Position, bool],
    watched: Collection[int],
    max_rows: int = MAX_ROWS,
) -> Sight | None:
    """See the run once for all its viewers; None if it is gone. `positions` says of each place
    whether a viewer there is owed a frame even if nothing changed."""
    with one_view():
        try:
            run = _read_run(run_id)
        except Run.DoesNotExist:
            return None
        bodies = {
            place: _body(run, place, max_rows)
            for place, is_owed in positions.items()
            if is_owed or place.base != run.seq or place.seq is not None
        }
        details = _details(run_id, watched) if bodies else {}
    return Sight(run.seq, run.is_open, bodies, details)


def frame(
    number: int,
    body: Body,
    details: Mapping[int, Detail],
    whole: Collection[int] = (),
    *,
    is_late: bool = False,
) -> str:
    """A delta frame. Details go with a delta's last part: the branches in `whole` whole, the
    others as far as they changed after the delta's base. `is_late`: no doorbell told of it."""
    late = '"late":true,' if is_late else ""
    text = f'{{"type":"delta","frame":{number},{late}{body.text}'
    if not (details and body.is_last):
        return text + "}"
    rows: list[tuple[Any, ...]] = []
    answers = {}
    for branch, detail in details.items():
        least = -1 if branch in whole else body.base
        rows += [(branch, *row[1:]) for row in detail.attempts if row[0] > least]
        if detail.answer is not None and detail.seq > least:
            answers[str(branch)] = detail.answer
    names = ("branch", *ATTEMPTS)
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    attempts = dict(zip(names, columns, strict=True))
    return f'{text},"attempts":{_dumps(attempts)},"answers":{_dumps(answers)}}}'


def text_frame(number: int, chunks: list[list[Any]]) -> str:
    """Live text: `[branch, attempt, offset, text]` each."""
    return _dumps({"type": "text", "frame": number, "chunks": chunks})


def bye(reason: str) -> str:
    """The last message of all: `signed_out`, `deleted` or `gone`."""
    return _dumps({"type": "bye", "reason": reason})


@dataclass(frozen=True, slots=True)
class _RunSeen:
    id: int
    seq: int
    is_open: bool
    text: str


def _read_run(run_id: int) -> _RunSeen:
    row = Run.objects.filter(pk=run_id).values(*RUN, *_RUN_ALSO).first()
    if row is None:
        raise Run.DoesNotExist
    sent = {name: row[name] for name in RUN}
    ended = _ms(row["launched_at"], row["ended_at"])
    sent["planned"] = row["branches_planned"]
    sent["ended_ms"] = ended
    sent["elapsed_ms"] = _ms(row["launched_at"], timezone.now()) if ended is None else ended
    sent["limit"] = _limit(row)
    return _RunSeen(run_id, row["seq"], row["status"] in OPEN_RUN, _dumps(sent))


def _ms(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if start and end else None


def _limit(row: Mapping[str, Any]) -> int | None:
    """Calls at once: the connection's, or fewer where the run asks for fewer."""
    asked = row["in_flight_wanted"] or row["spec__limits__in_flight"]
    declared = row["connections"].get(row["spec__call__connection"], {}).get("in_flight")
    return min((limit for limit in (asked, declared) if limit), default=None)


def _body(run: _RunSeen, place: Position, max_rows: int) -> Body:
    if place.base > run.seq:
        place = Position()  # a number this run has never had: its reader starts over
    with connection.cursor() as cursor:
        if place.seq is None:
            marks = Mark(place.base)
            rows = sum(count(cursor, table, run.id, marks, run.seq) for table in (Join, Branch))
            parts = max(1, -(-rows // max_rows))
            place = Position(place.base, run.seq, 1, parts, marks, marks)
        upto, is_last = place.seq or 0, place.part >= place.parts
        most = None if is_last else max_rows
        joins = page(cursor, Join, JOINS, run.id, place.joins, upto, most)
        most = None if is_last else max_rows - joins.rows
        branches = page(cursor, Branch, BRANCH_COLUMNS, run.id, place.branches, upto, most)
    text = (
        f'"base":{place.base},"seq":{upto},"part":{place.part},"parts":{place.parts},'
        f'"run":{run.text},"joins":{joins.text},"branches":{branches.text}'
    )
    after = replace(place, part=place.part + 1, joins=joins.end, branches=branches.end)
    return Body(text, place.base, Position(upto) if is_last else after)


def _details(run_id: int, watched: Collection[int]) -> dict[int, Detail]:
    if not watched:
        return {}
    ids = [row_id(run_id, number) for number in watched]
    answers = dict(Answer.objects.filter(branch_id__in=ids).values_list("branch_id", "text"))
    attempts: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = Attempt.objects.filter(branch_id__in=ids).order_by("branch_id", "number")
    for branch_id, *values in rows.values_list("branch_id", "seq", *ATTEMPTS.values()):
        attempts[branch_id].append(tuple(values))
    branches = Branch.objects.filter(pk__in=ids, run_id=run_id).order_by("number")
    return {
        number: Detail(seq, tuple(attempts[pk]), answers.get(pk))
        for pk, number, seq in branches.values_list("pk", "number", "seq")
    }


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
