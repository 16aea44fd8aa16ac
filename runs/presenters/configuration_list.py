"""A configuration as a row of the list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runs.presenters.overview import METHODS, PATTERNS
from runs.presenters.run_state import Pill, run_pill

WHAT = {
    ("voting", "majority"): "One question asked several times; the majority decides.",
    ("voting", "merge"): "One question asked several times; a model unites the answers.",
    ("voting", "concatenate"): "One question asked several times; every answer is kept.",
    ("sectioning", "majority"): "Many parts asked side by side; the majority decides.",
    ("sectioning", "merge"): "Many parts read side by side; a model unites what they give.",
    ("sectioning", "concatenate"): "Many parts read side by side; every answer is kept.",
    ("sectioning", "gate"): "An answer with checks beside it, released only if they pass.",
}


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    pk: int
    name: str
    kind: str
    what: str
    is_example: bool
    runs_count: int
    last_run: int | None
    pill: Pill | None
    changed_at: datetime


def list_row(row: Any) -> ConfigurationRow:
    """`row`: a `Configuration` as `queries.configurations_of` annotates it."""
    pattern = PATTERNS.get(row.pattern or "", row.pattern or "")
    method = METHODS.get(row.method or "", row.method or "")
    return ConfigurationRow(
        pk=row.pk,
        name=row.name,
        kind=f"{pattern}, {method}",
        what=WHAT.get((row.pattern or "", row.method or ""), ""),
        is_example=row.is_example,
        runs_count=row.runs_count,
        last_run=row.last_run,
        pill=run_pill(row.last_status, row.last_outcome or "") if row.last_status else None,
        changed_at=row.changed_at,
    )
