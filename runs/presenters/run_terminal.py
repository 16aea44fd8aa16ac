"""A run that goes on, drawn in a terminal: branches by state, tokens, cost, time. Reads no rows
but the one it is given."""

from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runs.domain.states import BranchStatus
from runs.models import Run

WIDTH = 60  # of the bar, in letters
STATES = (  # in the order of the bar: state, what it is called, sign, style
    (BranchStatus.SUCCEEDED, "done", "█", "green"),
    (BranchStatus.FAILED, "failed", "▒", "red"),
    (BranchStatus.CANCELLED, "cancelled", "▒", "yellow"),
    (BranchStatus.SPARED, "spared", "░", "cyan"),
    (BranchStatus.RUNNING, "running", "▓", "blue"),
    (BranchStatus.PENDING, "waiting", "·", "dim"),
)


def display(run: Run, now: datetime) -> RenderableType:
    """The whole picture, as of `now`."""
    title = Text.assemble(
        (f"{run.name} · run {run.number}", "bold"), "  ", run.status, style_of_source(run)
    )
    return Group(title, bar(run), legend(run), facts(run, now))


def style_of_source(run: Run) -> tuple[str, str]:
    if run.is_replayed:
        return "  replayed answers", "magenta"
    return ("  simulated answers", "magenta") if run.is_simulated else ("", "")


def bar(run: Run) -> Text:
    """A letter for each share of the branches; every state that occurs is seen."""
    counts = branch_counts(run)
    total = max(sum(counts.values()), 1)
    text = Text()
    for state, _, sign, style in STATES:
        share = counts.get(state, 0)
        text.append(sign * max(round(WIDTH * share / total), bool(share)), style=style)
    return text


def legend(run: Run) -> Text:
    counts = branch_counts(run)
    text = Text()
    for state, name, sign, style in STATES:
        if counts.get(state):
            text.append(f"{sign} {counts[state]:,} {name}   ", style=style)
    return text


def branch_counts(run: Run) -> dict[str, int]:
    """Branches by state; those whose wave has not opened yet are waiting."""
    counts = dict(run.counts)
    unopened = max(run.branches_planned - sum(counts.values()), 0)
    pending = counts.get(BranchStatus.PENDING, 0) + unopened
    return {**counts, BranchStatus.PENDING: pending}


def facts(run: Run, now: datetime) -> Table:
    kpis: dict[str, Any] = run.kpis
    until = run.ended_at or now
    elapsed = (until - run.launched_at).total_seconds() if run.launched_at else 0.0
    table = Table.grid(padding=(0, 3))
    table.add_row("in flight", str(run.in_flight), "elapsed", seconds(elapsed))
    table.add_row(
        "tokens",
        f"{kpis.get('input_tokens') or 0:,} in, {kpis.get('output_tokens') or 0:,} out",
        "one by one",
        one_by_one(kpis),
    )
    table.add_row("cost", dollars(kpis.get("cost_usd")), "throttled", str(kpis.get("throttled", 0)))
    return table


def one_by_one(kpis: dict[str, Any]) -> str:
    """How long the calls would have taken one after another; an estimate says so."""
    found = kpis.get("one_by_one_s")
    if found is None:
        return "–"
    mark = "" if kpis.get("speed_up_is") == "measured" else " (estimated)"
    return f"{seconds(found)}{mark}"


def seconds(value: float) -> str:
    minutes, rest = divmod(value, 60)
    return f"{int(minutes)} min {rest:02.0f} s" if minutes else f"{value:.1f} s"


def dollars(value: float | None) -> str:
    """Unknown is never free."""
    return "unknown" if value is None else f"${value:.4f}"
