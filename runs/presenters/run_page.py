"""A run's page, put together: head, figures, timeline, panel. One dataclass a part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs.domain.states import OPEN_RUN, RunStatus
from runs.live import wire
from runs.models import Run
from runs.presenters.run_aggregate import Aggregate, aggregate
from runs.presenters.run_axis import place
from runs.presenters.run_checks import Check, Contributions, checks, contributions
from runs.presenters.run_cost import CostSpent, cost_spent
from runs.presenters.run_flight import Flight, flight_of
from runs.presenters.run_head import elapsed_ms, sentence
from runs.presenters.run_kpis import Cell, strip
from runs.presenters.run_order import Order, order_of
from runs.presenters.run_rows import READ_ROLES, Look, bare_label, look, segments, told
from runs.presenters.run_state import Pill, run_pill
from runs.presenters.run_table import Column, columns
from runs.presenters.run_time import TimeSpent, time_spent
from runs.queries import runs as queries
from runs.queries.runs import BranchRow

ROWS_A_PAGE = 500
MOST_EMBEDDED = 2000
FILTER_WORDS = {
    "all": "All",
    "live": "In flight",
    "waiting": "Waiting",
    "done": "Done",
    "failed": "Failed",
    "left_out": "Left out",
}


@dataclass(frozen=True, slots=True)
class Head:
    pill: Pill
    is_open: bool
    is_cancel_asked: bool
    is_held: bool
    sentence: str
    status_line: str


@dataclass(frozen=True, slots=True)
class Chip:
    key: str
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    style: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    display: int
    role: str
    label: str
    depth: int | None
    look: Look
    bars: tuple[Bar, ...]
    told: str
    branch: BranchRow


@dataclass(frozen=True, slots=True)
class Timeline:
    flight: Flight
    chips: tuple[Chip, ...]
    state: str
    rows: tuple[Row, ...]
    sort: str
    columns: tuple[Column, ...]
    start: int
    total: int
    next_start: int | None
    previous_start: int | None


@dataclass(frozen=True, slots=True)
class Panel:
    aggregate: Aggregate
    checks: Sequence[Check]
    contributions: Contributions | None
    time: TimeSpent | None
    cost: CostSpent


def head(run: Run) -> Head:
    pill = run_pill(run.status, run.outcome, run.cancel_wanted, run.hold_wanted)
    return Head(
        pill=pill,
        is_open=run.status in OPEN_RUN,
        is_cancel_asked=run.cancel_wanted,
        is_held=run.hold_wanted or run.status == RunStatus.HELD,
        sentence=sentence(run),
        status_line=f"{run.name}, run {run.number}: {pill.text}",
    )


def kpi_strip(run: Run) -> tuple[Cell, ...]:
    return strip(figures_of(run))


def figures_of(run: Run) -> dict[str, Any]:
    """What the strip reads: see `run_kpis`."""
    elapsed = elapsed_ms(run)
    return {
        "method": run.method,
        "planned": run.branches_planned,
        "kpis": run.kpis,
        "spent_usd": run.spent_usd,
        "reserved_usd": run.reserved_usd,
        "budget_usd": run.budget_usd,
        "elapsed_ms": elapsed,
        "ended_ms": (elapsed or 0) if run.ended_at else None,
        "by_status": queries.counts(run),
        "heard": queries.heard(run),
        "tally": queries.tally(run) if run.method == "majority" else {},
    }


def panel(run: Run) -> Panel:
    """Everything told in prose: the aggregate, the checks, where time and money went."""
    outcome = queries.outcome(run)
    children = queries.children(run, most=max(run.branches_planned, 1))
    return Panel(
        aggregate=aggregate(run, outcome, children),
        checks=checks(run, queries.root_join(run), outcome, children),
        contributions=contributions(run, outcome, children),
        time=time_spent(run),
        cost=cost_spent(run),
    )


def timeline(run: Run, *, state: str = "all", start: int = 0) -> Timeline:
    return _timeline(run, queries.spans(run), state, start, "number")


def branch_table(run: Run, *, state: str = "all", start: int = 0, sort: str = "number") -> Timeline:
    """The timeline's rows without its picture, which looks at every branch."""
    return _timeline(run, (), state, start, sort)


def _timeline(run: Run, spans: Sequence[BranchRow], state: str, start: int, sort: str) -> Timeline:
    flight = flight_of(run, spans)
    chips = _chips(run)
    total = next(chip.count for chip in chips if chip.key == state)
    rows = queries.branch_rows(run, state=state, start=start, most=ROWS_A_PAGE, sort=sort)
    is_tree = state == "all" and sort == "number" and total <= ROWS_A_PAGE
    order = order_of(run) if is_tree else None
    if order is not None and not any(row["role"] == "merge" for row in rows):
        order = None
    if order is not None:
        rows.sort(key=order.key)
    after = start + len(rows)
    return Timeline(
        flight=flight,
        chips=chips,
        state=state,
        rows=tuple(_row(run, row, flight, order) for row in rows),
        sort=sort,
        columns=columns(sort),
        start=start,
        total=total,
        next_start=after if after < total else None,
        previous_start=max(start - ROWS_A_PAGE, 0) if start else None,
    )


def _row(run: Run, branch: BranchRow, flight: Flight, order: Order | None) -> Row:
    phases = segments(branch, flight.now, flight.limits.drawn.silent)
    end = flight.axis.end
    bars = tuple(Bar(phase[0], place(phase, end), phase[0] == "s") for phase in phases)
    held = str(run.kpis.get("held_reason") or "") if flight.is_open else ""
    seen = look(branch, flight.now, READ_ROLES.get(run.method, ()), held)
    number = branch["number"]
    depth = order.depth(branch) if order else None
    label = row_label(branch, seen)
    return Row(number, number + 1, branch["role"], label, depth, seen, bars, told(phases), branch)


def row_label(branch: BranchRow, seen: Look) -> str:
    """What a vote said, else the branch's own label, else how it stands."""
    reading, label = branch["reading"], bare_label(branch)
    if branch["role"] == "vote":
        return reading or ("" if seen.word == "waiting" else seen.word)
    if reading:
        return f"{label}: {reading}" if label else str(reading)
    return label or seen.word


def _chips(run: Run) -> tuple[Chip, ...]:
    by_status = queries.counts(run)
    return tuple(
        Chip(
            key,
            word,
            sum(by_status.get(status, 0) for status in queries.FILTERS[key])
            if queries.FILTERS[key]
            else sum(by_status.values()),
        )
        for key, word in FILTER_WORDS.items()
    )


def snapshot(run: Run) -> dict[str, Any] | None:
    """The delta after 0 for an instant start of the script; a large run asks for it itself."""
    if sum(queries.counts(run).values()) > MOST_EMBEDDED:
        return None
    frames = wire.frames(run.pk, 0, (), MOST_EMBEDDED * 4)
    return frames[0] if len(frames) == 1 else None
