"""A run's result as one plain object, for programs that launched it."""

from dataclasses import asdict
from typing import Any

from runs.models import Run
from runs.planning.hindsight import compared
from runs.queries import runs as queries

ENTRY = ("child", "kind", "reason", "value")


def report(run: Run) -> dict[str, Any]:
    """What `manage.py launch --json` prints; `contributions` holds one entry for every child of
    every join in the pass that counts, `pieces` what each join below the root gave."""
    counted = queries.outcomes(run).filter(pass_n=run.chosen_pass)
    latest = {outcome.join_id: outcome for outcome in counted}
    root = queries.outcome(run)
    return {
        "run": run.pk,
        "name": run.name,
        "number": run.number,
        "status": run.status,
        "outcome": run.outcome,
        "reason": run.reason,
        "output": root.value if root else None,
        "is_simulated": run.is_simulated,
        "is_replayed": run.is_replayed,
        "branches": queries.counts(run),
        "contributions": [
            {"join": outcome.join.number, **dict(zip(ENTRY, entry, strict=True))}
            for outcome in latest.values()
            for entry in outcome.contributions
        ],
        "quality": root.quality if root else {},
        "pieces": [
            {
                "join": outcome.join.number,
                "label": outcome.join.label,
                "outcome": outcome.kind,
                "value": outcome.value,
                "quality": outcome.quality,
            }
            for outcome in latest.values()
            if outcome.join.parent_number is not None
        ],
        "kpis": run.kpis,
        "estimate": {
            name: {**asdict(told), "is_within": told.is_within}
            for name, told in compared(run.estimate, run.kpis).items()
        },
        "warnings": run.warnings,
    }
