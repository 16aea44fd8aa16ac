"""A run's passes: which counts, what each gave and cost, and how far an open one is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runs.domain.states import OPEN_RUN
from runs.models import Outcome, Pass, Run
from runs.planning import again
from runs.presenters import figures
from runs.presenters.join_words import Line, brief, lines_of
from runs.presenters.run_state import Pill, outcome_pill, run_pill
from runs.queries import passes as queries
from runs.queries.nested import is_nested

MOST_SHOWN = 4  # side by side
LONGEST_VALUE = 160
AT_WORK = Pill("running", "", "At work")
WAITING = Pill("queued", "wait", "Waiting for a worker")
CANCELLING = Pill("cancelling", "off", "Cancel asked")


@dataclass(frozen=True, slots=True)
class Listed:
    """One pass. `is_choosable`: it may count in place of the one that does."""

    n: int
    pill: Pill
    what: str
    differs: tuple[Line, ...]
    value: str
    calls: int
    cost_usd: float
    ended_at: datetime | None
    counts: bool
    is_open: bool
    is_choosable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Passes:
    """`can_join`: nothing stands in the way of another pass."""

    rows: tuple[Listed, ...]
    can_join: bool
    open_n: int | None
    progress: str

    @property
    def is_worth_showing(self) -> bool:
        return len(self.rows) > 1

    @property
    def compared(self) -> str:
        """The passes that the address of a comparison names: the first, and the newest."""
        ns = [row.n for row in self.rows]
        return ",".join(map(str, ns if len(ns) <= 2 else [ns[0], *ns[-2:]]))


def listed(run: Run) -> Passes:
    rows = queries.passes_of(run)
    roots = queries.root_outcomes(run)
    open_one = next((row for row in rows if _is_open(row)), None)
    frozen = queries.spec_in(run, queries.FIRST)
    shown = tuple(_listed(run, row, frozen, roots, open_one) for row in rows)
    is_ended = run.status not in OPEN_RUN
    return Passes(
        rows=shown,
        can_join=is_ended and open_one is None,
        open_n=open_one.n if open_one else None,
        progress=_progress(run, open_one) if open_one else "",
    )


def pill_of(run: Run, row: Pass) -> Pill:
    if _is_open(row):
        if run.cancel_wanted:
            return CANCELLING
        return AT_WORK if run.lease_until is not None else WAITING
    if row.n == queries.FIRST and not row.status:
        return run_pill(run.status, run.outcome)
    if not row.status:
        return Pill("off", "off", "No outcome")
    return run_pill(row.status, row.outcome)


def _is_open(row: Pass) -> bool:
    return row.kind == Pass.Kind.AGAIN and row.ended_at is None


def _listed(
    run: Run,
    row: Pass,
    frozen: Mapping[str, Any],
    roots: Mapping[int, Outcome],
    open_one: Pass | None,
) -> Listed:
    root, spec = roots.get(row.n), again.merged(frozen, row.settings)
    is_first = row.n == queries.FIRST
    is_kept = bool(row.status)  # before a second pass the first one's figures are the run's own
    value = _value(run, root) if root else ""
    return Listed(
        n=row.n,
        pill=pill_of(run, row),
        what="The run" if is_first else brief(spec),
        differs=() if is_first else _differences(frozen, spec),
        value=_cut(value),
        calls=row.calls if is_kept or not is_first else run.calls,
        cost_usd=row.spent_usd if is_kept or not is_first else run.spent_usd,
        ended_at=row.ended_at or (run.ended_at if is_first else None),
        counts=row.n == run.chosen_pass,
        is_open=_is_open(row),
        is_choosable=bool(root) and open_one is None and row.n != run.chosen_pass,
        reason=row.reason,
    )


def _value(run: Run, root: Outcome) -> str:
    """What it gave in one line; of many rows how many are right, where that is known."""
    quality = root.quality
    if is_nested(run) and quality.get("accuracy") is not None:
        right = f"{figures.percent(quality['accuracy'], 1)} right"
        return f"{right} · {figures.plural(quality.get('ties', 0), 'tie')}"
    return root.value or root.detail or outcome_pill(root.kind).text


def _differences(frozen: Mapping[str, Any], spec: Mapping[str, Any]) -> tuple[Line, ...]:
    before = dict(lines_of(frozen))
    return tuple(line for line in lines_of(spec) if before.get(line[0]) != line[1])


def _progress(run: Run, row: Pass) -> str:
    """How far it is: joins that have an outcome, calls that were asked for."""
    joins = run.joins.count()
    done = queries.joins_settled(run, row.n)
    calls = queries.asked(run).get(row.n)
    parts = [f"{done:,} of {figures.plural(joins, 'join')} done"]
    if calls:
        parts.append(f"{calls['ended']:,} of {figures.plural(calls['calls'], 'call')} answered")
        parts.append(f"{figures.money(queries.spent_on(run, row.n))} so far")
    return " · ".join(parts)


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_VALUE else f"{flat[: LONGEST_VALUE - 1].rstrip()}…"


def chosen_of(text: str, known: Sequence[int], counted: int) -> tuple[int, ...]:
    """The passes that an address names, in its order; else the one that counts and the newest."""
    asked = [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 6]
    found = [n for n in dict.fromkeys(asked) if n in known][:MOST_SHOWN]
    if found:
        return tuple(found)
    return tuple(dict.fromkeys((counted, max(known)))) if known else ()
