"""A configuration as a row of the list."""

from dataclasses import dataclass
from datetime import datetime

from runs.models import Configuration
from runs.presenters.overview import METHODS, PATTERNS
from runs.presenters.run_state import Pill, run_pill


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    pk: int
    name: str
    kind: str
    is_example: bool
    runs_count: int
    last_run: int | None
    pill: Pill | None
    changed_at: datetime


def list_row(row: Configuration) -> ConfigurationRow:
    """`row` as `queries.configurations_of` annotates it."""
    pattern = PATTERNS.get(row.pattern or "", row.pattern or "")
    method = METHODS.get(row.method or "", row.method or "")
    return ConfigurationRow(
        pk=row.pk,
        name=row.name,
        kind=f"{pattern}, {method}",
        is_example=row.is_example,
        runs_count=row.runs_count,
        last_run=row.last_run,
        pill=run_pill(row.last_status, row.last_outcome or "") if row.last_status else None,
        changed_at=row.changed_at,
    )
