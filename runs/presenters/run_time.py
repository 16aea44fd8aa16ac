"""Where a run's time and money went."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.models import Run
from runs.presenters import figures
from runs.presenters.run_rows import look
from runs.queries import runs as queries

# Key of the metrics → (pattern, words, sentence). The order is that of the bar.
LABELS = {
    "full": ("s", "working, nothing waits", ""),
    "at_the_limit": (
        "d",
        "working, all slots busy",
        "The limit on calls in flight bound this run for {share} of its time.",
    ),
    "rate_limit": (
        "t",
        "rate limit",
        "The provider’s rate limit held this run for {share} of its time.",
    ),
    "backoff": ("w", "next try", "For {share} of the time it only waited to try again."),
    "tail": ("tail", "tail", "For {share} of the time only a few late branches were running."),
    "join": ("j", "join", "Joining took {share} of the time."),
    "held": ("c", "held", "It was held for {share} of the time."),
    "down": ("x", "parweb was down", "parweb was not running for {share} of the time."),
}
NOTEWORTHY = 0.25
ROLES = {
    "section": ("Section", "Sections"),
    "vote": ("Vote", "Votes"),
    "guard": ("Guard", "Guards"),
    "merge": ("Merge", "Merges"),
    "judge": ("Judge", "Judges"),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    pattern: str
    words: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TimeSpent:
    stretches: tuple[Stretch, ...]
    sentences: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class CostLine:
    label: str
    amount: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class CostSpent:
    lines: tuple[CostLine, ...]
    tokens: int


def time_spent(run: Run) -> TimeSpent | None:
    """None until the metrics know."""
    where: Mapping[str, float] = run.kpis.get("where") or {}
    wall = sum(where.values())
    if wall <= 0:
        return None
    stretches = tuple(
        Stretch(pattern, words, where[key])
        for key, (pattern, words, _) in LABELS.items()
        if where.get(key, 0) > 0
    )
    return TimeSpent(stretches, tuple(_sentences(run, where, wall)), _hint(run))


def _sentences(run: Run, where: Mapping[str, float], wall: float) -> list[str]:
    told = [
        sentence.format(share=figures.percent(where.get(key, 0) / wall))
        for key, (_, _, sentence) in LABELS.items()
        if sentence and where.get(key, 0) / wall >= NOTEWORTHY
    ]
    concurrency = run.kpis.get("achieved_concurrency")
    if concurrency is not None and concurrency < 1.2 and where.get("rate_limit", 0) / wall > 0.5:
        told.append("It was serialised by the provider.")
    last = queries.last_to_end(run) if where.get("tail", 0) / wall >= 0.05 else None
    if last is not None:
        note = look(last, last["ended"]).note
        told.append(f"The last to end was branch {last['number'] + 1} ({note}).")
    return told


def _hint(run: Run) -> str:
    parts = []
    if run.kpis.get("achieved_concurrency") is not None:
        parts.append(f"{run.kpis['achieved_concurrency']:.1f} in flight on average")
    if run.kpis.get("one_by_one_s"):
        up_to = "" if run.kpis.get("speed_up_is") == "measured" else "up to "
        parts.append(f"one by one {up_to}{figures.seconds(run.kpis['one_by_one_s'])}")
    return " · ".join(parts)


def cost_spent(run: Run) -> CostSpent:
    order = list(ROLES)
    rows = sorted(queries.costs(run), key=lambda row: order.index(row["branch__role"]))
    lines = [
        CostLine(
            f"{_role(row['branch__role'])}, {figures.plural(row['calls'], 'call')}",
            figures.money(row["cost"]),
        )
        for row in rows
    ]
    wasted = sum(row["wasted"] or 0 for row in rows)
    if wasted:
        calls = sum(row["wasted_calls"] for row in rows)
        lines.append(
            CostLine(
                f"of it wasted, {figures.plural(calls, 'try', 'tries')}",
                figures.money(wasted),
                "bad",
            )
        )
    unconfirmed = sum(row["unconfirmed"] for row in rows)
    if unconfirmed:
        lines.append(
            CostLine(
                f"{figures.plural(unconfirmed, 'call')} without usage, counted at most", "", "muted"
            )
        )
    lines += _estimate(run.estimate)
    tokens = (run.kpis.get("input_tokens") or 0) + (run.kpis.get("output_tokens") or 0)
    return CostSpent(tuple(lines), tokens)


def _role(role: str) -> str:
    return ROLES.get(role, (role, role))[1]


def _estimate(estimate: Mapping[str, Any]) -> list[CostLine]:
    expected, most = estimate.get("cost_expected_usd"), estimate.get("cost_most_usd")
    if expected is None or most is None:
        return []
    amount = (
        figures.money(most)
        if expected == most
        else f"{figures.money(expected)} – {figures.money(most)}"
    )
    return [CostLine("Estimate before", amount, "muted")]
