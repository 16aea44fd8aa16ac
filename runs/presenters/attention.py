"""What needs attention, in words: one line for each run or provider. Decides nothing about them."""

from dataclasses import dataclass

from runs.models import Run
from runs.presenters import figures
from runs.presenters.run_state import run_pill
from runs.queries.attention import Attention, Slowed

MOST = 6  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """`run` or `connection`: where its link leads, the other is None."""

    icon: str
    tone: str
    what: str
    why: str
    run: int | None = None
    connection: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """`more`: how many lines are left out."""

    lines: tuple[Line, ...]
    more: int

    @property
    def count(self) -> int:
        return len(self.lines) + self.more


def shown(found: Attention) -> Shown:
    lines = (
        *(_held(run) for run in found.held),
        *(_slowed(one) for one in found.slowed),
        *(_short(run, found.details.get(run.pk, "")) for run in found.short),
    )
    return Shown(lines[:MOST], max(len(lines) - MOST, 0))


def _held(run: Run) -> Line:
    why = run.reason or "No further call starts until you go on."
    return Line("hold", "held", f"Held: {run.name} · run {run.number}", why, run=run.pk)


def _short(run: Run, detail: str) -> Line:
    pill = run_pill(run.status, run.outcome)
    why = run.reason or detail or _counted(run)
    return Line(
        pill.icon, pill.tone, f"{pill.text}: {run.name} · run {run.number}", why, run=run.pk
    )


def _counted(run: Run) -> str:
    failed, total = int((run.counts or {}).get("failed", 0)), run.branches_planned
    return f"{failed:,} of {figures.plural(total, 'branch', 'branches')} failed" if failed else ""


def _slowed(one: Slowed) -> Line:
    whose = f"{one.connection}, {one.model}"
    if one.is_silent:
        why = "One call at a time is tried until it does; no branch fails for it."
        return Line("fail", "failed", f"No answer: {whose}", why, connection=one.connection_id)
    often = figures.plural(one.throttled, "time")
    left = f"{figures.plural(one.limit, 'call')} at once"
    why = f"It refused calls {often} in the last hour; after the last the limit was {left}."
    return Line("hold", "held", f"Throttled: {whose}", why, connection=one.connection_id)
