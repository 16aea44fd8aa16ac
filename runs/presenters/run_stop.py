"""How a vote ended, or how sure it is: margin, confidence, waves, and what was spared."""

from collections.abc import Mapping, Sequence
from typing import Any

from runs.models import Outcome, Run
from runs.presenters import figures
from runs.queries.runs import BranchRow
from runs.stopping import votes

MEANING = "The confidence is that the leader wins the full vote, not that it is right."
OPEN = ("pending", "running")


def told(
    run: Run,
    outcome: Outcome | None,
    ranked: Sequence[tuple[str, int]],
    children: Sequence[BranchRow],
) -> tuple[str, ...]:
    """A few short lines for the card of the votes; none where there is nothing to say yet."""
    if outcome is not None:
        return _ended(outcome.quality)
    if run.ended_at is not None or not ranked:
        return ()
    return _live(run, ranked, children)


def _live(
    run: Run, ranked: Sequence[tuple[str, int]], children: Sequence[BranchRow]
) -> tuple[str, ...]:
    ended = sum(child["status"] not in OPEN for child in children)
    counts = [count for _, count in ranked]
    margin = counts[0] - (counts[1] if len(counts) > 1 else 0)
    asked = sum(child["sent"] is not None for child in children)
    lines = [f"Margin {margin} · {asked:,} of up to {run.branches_planned:,} asked so far"]
    if not run.spec["join"].get("weights"):
        sure = votes.leader_confidence(counts, run.branches_planned - ended)
        lines += [f"Would win the full vote: {figures.percent(sure, 1)}", MEANING]
    return tuple(lines)


def _ended(quality: Mapping[str, Any]) -> tuple[str, ...]:
    spared, launched = quality.get("spared") or 0, quality.get("launched")
    lines = []
    if spared and launched:
        waves = figures.plural(quality.get("rounds") or 1, "wave")
        of = f"{quality.get('planned') or launched + spared:,}"
        lines.append(f"Stopped after {launched:,} of {of} in {waves}; {_saved(quality, spared)}")
    if quality.get("confidence") is not None:
        lines += [f"Would win the full vote: {figures.percent(quality['confidence'], 1)}", MEANING]
    return tuple(lines)


def _saved(quality: Mapping[str, Any], spared: int) -> str:
    """What the votes that were not asked would have taken, by the mean of those that were."""
    cost, used = quality.get("spared_cost_usd"), quality.get("spared_tokens")
    parts = [f"{figures.thousands(round(used))} tokens"] if used else []
    parts += [figures.money(cost)] if cost else []
    would = f", about {' and '.join(parts)}" if parts else ""
    return f"{figures.plural(spared, 'vote')} spared{would}."
