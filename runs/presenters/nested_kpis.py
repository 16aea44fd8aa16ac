"""A nested run's strip of figures: accuracy and losses of the rows ended so far, votes, cost."""

from collections.abc import Sequence
from typing import Any

from runs.models import Join, Run
from runs.presenters import figures
from runs.presenters.nested import Judged
from runs.presenters.nested_state import launched
from runs.presenters.run_head import elapsed_ms
from runs.presenters.run_kpis import Bar, Cell, Part, strip
from runs.queries import runs as queries


def nested_strip(run: Run, rows: Sequence[Judged], root: Join | None) -> tuple[Cell, ...]:
    """Time, cost and throttling are told as for any run."""
    time, _, cost, throttled, _ = strip(_base(run))
    quality = root.quality if root else {}
    first = (_accuracy(rows, quality), _misses(rows)) if _has_gold(rows) else (_decided(rows),)
    return (*first, _votes(run, rows), cost, time, throttled)


def _base(run: Run) -> dict[str, Any]:
    """What the strip of any run reads, without a look at the branches."""
    elapsed = elapsed_ms(run)
    return {
        "method": "nested",
        "planned": run.branches_planned,
        "kpis": run.kpis,
        "spent_usd": run.spent_usd,
        "reserved_usd": run.reserved_usd,
        "budget_usd": run.budget_usd,
        "elapsed_ms": elapsed,
        "ended_ms": (elapsed or 0) if run.ended_at else None,
        "by_status": run.counts,
        "heard": 0,
        "tally": {},
    }


def _has_gold(rows: Sequence[Judged]) -> bool:
    return any(row.quality.get("gold") is not None for row, _ in rows)


def _accuracy(rows: Sequence[Judged], quality: dict[str, Any]) -> Cell:
    graded = [(row, state) for row, state in rows if row.quality.get("gold") is not None]
    hits = sum(state.key == "hits" for _, state in graded)
    share = hits / len(graded)
    sub = [Part(f"{figures.thousands(hits)} of {figures.thousands(len(graded))}")]
    if quality.get("mean_single") is not None:
        sub.append(Part(f" · a single vote: {figures.percent(quality['mean_single'], 1)}"))
    misses = sum(state.key == "misses" for _, state in graded)
    bars = (Bar("done", _percent(hits, graded)), Bar("failed", _percent(misses, graded)))
    tip = "Rows whose joined answer equals the known one; ties and failures are no hits."
    value = figures.percent(share, 1)[:-1]
    return Cell("accuracy", "Accuracy of the join", tip, value, "%", tuple(sub), bars)


def _misses(rows: Sequence[Judged]) -> Cell:
    misses = [row for row, state in rows if state.key == "misses"]
    ties = sum(state.key in ("ties", "undecided") for _, state in rows)
    failed = sum(state.key == "failed" for _, state in rows)
    of_one = sum(row.quality.get("agreement", 0) >= 1 for row in misses)
    sub = [Part(f"{figures.plural(of_one, 'miss', 'misses')} unanimous")]
    if failed:
        sub.append(Part(f" · {figures.thousands(failed)} failed", "bad"))
    bars = (
        Bar("failed", _percent(len(misses), rows)),
        Bar("held", _percent(ties, rows)),
    )
    tip = "Rows whose joined answer is another than the known one, and rows without one."
    unit = f"+ {figures.plural(ties, 'tie')}"
    return Cell(
        "misses", "Misses and ties", tip, figures.thousands(len(misses)), unit, tuple(sub), bars
    )


def _decided(rows: Sequence[Judged]) -> Cell:
    decided = sum(state.key in ("decided", "hits") for _, state in rows)
    ties = sum(state.key in ("ties", "undecided") for _, state in rows)
    failed = sum(state.key == "failed" for _, state in rows)
    sub = [Part(figures.plural(ties, "tie"))]
    if failed:
        sub.append(Part(f" · {figures.thousands(failed)} failed", "bad"))
    tip = "Rows whose votes gave an answer."
    unit = f"of {figures.thousands(len(rows))}"
    bars = (Bar("done", _percent(decided, rows)), Bar("held", _percent(ties, rows)))
    return Cell("decided", "Decided", tip, figures.thousands(decided), unit, tuple(sub), bars)


def _votes(run: Run, rows: Sequence[Judged]) -> Cell:
    by_status, asked = run.counts, queries.votes_asked(run)
    ended = [row for row, _ in rows if row.outcome]
    spared = sum(int(row.quality.get("spared") or 0) for row in ended)
    planned = max(run.branches_planned, 1)
    sub = []
    if spared:
        sub.append(
            Part(f"{figures.thousands(spared)} spared, {figures.percent(spared / planned, 1)}")
        )
    if by_status.get("failed"):
        dot = " · " if sub else ""
        sub.append(Part(f"{dot}{figures.thousands(by_status['failed'])} failed", "bad"))
    mean = sum(launched(row) or 0 for row in ended) / len(ended) if ended else 0
    unit = f"{mean:.1f} a row" if ended else f"of {figures.thousands(planned)}"
    tip = "Votes whose call was made. Spared: not asked, because the answer was settled."
    bars = (Bar("time", min(round(asked / planned * 100, 2), 100.0)),)
    return Cell(
        "votes",
        "Votes",
        tip,
        figures.thousands(asked),
        unit,
        tuple(sub) or (Part(f"{figures.thousands(len(ended))} rows ended"),),
        bars,
    )


def _percent(count: int, of: Sequence[Any]) -> float:
    return round(count / len(of) * 100, 2) if of else 0.0
