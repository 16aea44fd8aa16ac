"""Runs as rows of a table and as cards that move. Decides nothing about runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from runs.domain.results import OutcomeKind
from runs.domain.states import OPEN_RUN, BranchStatus, RunStatus
from runs.models import Run
from runs.presenters.figures import percent, plural, thousands, times
from runs.presenters.run_state import Pill, run_pill

METHODS = {
    "concatenate": "concatenated",
    "majority": "majority",
    "merge": "merged",
    "gate": "gate",
}
PATTERNS = {"voting": "votes", "sectioning": "sections"}


LEAST_GAIN = 1.05


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the small bar: its pattern's class, how many, and the word for it."""

    css: str
    count: int
    word: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a table. `gain` tells its speed-up, `gain_tone` is a class of its words."""

    run: Run
    kind: str
    pill: Pill
    value: str
    segments: tuple[Segment, ...]
    done: str
    wall_s: float | None
    gain: str
    gain_tone: str
    cost_usd: float | None
    wasted_usd: float | None
    quality: str
    launched: str


@dataclass(frozen=True, slots=True)
class LiveCard:
    """A run that is open, as the overview shows it."""

    row: RunRow
    succeeded: int
    failed: int
    waiting: int
    leading: tuple[str, str] | None
    reason: str


def row(run: Run, value: str = "") -> RunRow:
    kpis: Mapping[str, object] = run.kpis or {}
    gain, tone = _gain(kpis)
    return RunRow(
        run=run,
        kind=kind_of(run),
        pill=run_pill(run.status, run.outcome, run.cancel_wanted, run.hold_wanted),
        value=value if run.outcome == OutcomeKind.DECIDED else "",
        segments=segments(run),
        done=_done(run),
        wall_s=_wall_s(run),
        gain=gain,
        gain_tone=tone,
        cost_usd=_number(kpis, "cost_usd"),
        wasted_usd=_number(kpis, "wasted_usd"),
        quality=_quality(run),
        launched=when(run.created_at),
    )


def card(run: Run, tally: Sequence[tuple[str, int]] = ()) -> LiveCard:
    counts = run.counts or {}
    return LiveCard(
        row=row(run),
        succeeded=int(counts.get(BranchStatus.SUCCEEDED, 0)),
        failed=int(counts.get(BranchStatus.FAILED, 0)),
        waiting=int(counts.get(BranchStatus.PENDING, 0)),
        leading=_leading(tally),
        reason=run.reason,
    )


def kind_of(run: Run) -> str:
    pattern = PATTERNS.get(run.pattern, run.pattern)
    return f"{pattern}, {METHODS.get(run.method, run.method)}"


def segments(run: Run) -> tuple[Segment, ...]:
    """Branches by state; those that were not opened wait while the run is open, and were not
    called once it has ended."""
    counts = {str(state): int(number) for state, number in (run.counts or {}).items()}
    unopened = max(run.branches_planned - sum(counts.values()), 0)
    is_open = run.status in OPEN_RUN
    waiting = counts.get("pending", 0) + (unopened if is_open else 0)
    all_segments = (
        Segment("d", counts.get("succeeded", 0), "done"),
        Segment("x", counts.get("failed", 0), "failed"),
        Segment("s", counts.get("running", 0), "in flight"),
        Segment("w", waiting, "waiting"),
        Segment("p", counts.get("spared", 0), "spared"),
        Segment("c", counts.get("cancelled", 0), "cancelled"),
        Segment("c", 0 if is_open else unopened, "not called"),
    )
    return tuple(segment for segment in all_segments if segment.count)


def when(moment: datetime) -> str:
    """`today 09:12`, `yesterday 17:40`, `18 Nov`, `18 Nov 2025`."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return f"today {local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    return date_format(local, "j M" if local.year == today.year else "j M Y")


def _done(run: Run) -> str:
    done = int((run.counts or {}).get("succeeded", 0))
    total = max(run.branches_planned, sum(int(n) for n in (run.counts or {}).values()))
    return thousands(total) if done == total else f"{thousands(done)} of {thousands(total)}"


def _wall_s(run: Run) -> float | None:
    if run.status in OPEN_RUN:
        return (timezone.now() - run.launched_at).total_seconds() if run.launched_at else None
    return _number(run.kpis or {}, "wall_s")


def _gain(kpis: Mapping[str, object]) -> tuple[str, str]:
    """An estimate is flattered by the load it ran under: it reads “up to”, and on this machine,
    where the calls share the cores, only a measured one counts."""
    gain = _number(kpis, "speed_up")
    is_measured = kpis.get("speed_up_is") == "measured"
    if gain is None:
        return "", ""
    if kpis.get("is_private") and not is_measured:
        return "not measured", "muted"
    if gain < LEAST_GAIN:
        return "no faster", "muted"
    return (times(gain), "good") if is_measured else (f"up to {times(gain)}", "good")


def _quality(run: Run) -> str:
    kpis = run.kpis or {}
    if run.status == RunStatus.CANCELLED:
        return ""
    if (agreement := _number(kpis, "agreement")) is not None and run.method == "majority":
        return f"{percent(agreement)} agree"
    if (coverage := _number(kpis, "coverage")) is not None:
        return f"{percent(coverage, 0 if coverage in (0, 1) else 1)} covered"
    return ""


def _leading(tally: Sequence[tuple[str, int]]) -> tuple[str, str] | None:
    if not tally:
        return None
    (answer, votes), *others = tally
    if others:
        return answer, f"{thousands(votes)} to {thousands(others[0][1])}"
    return answer, plural(votes, "vote")


def _number(kpis: Mapping[str, object], key: str) -> float | None:
    value = kpis.get(key)
    return float(value) if isinstance(value, int | float) else None
