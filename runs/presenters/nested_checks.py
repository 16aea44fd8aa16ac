"""Checks on a nested run: what became of every row and of the votes that were lost."""

from collections import Counter
from collections.abc import Sequence

from runs.models import Run
from runs.presenters import figures
from runs.presenters.nested import Judged
from runs.presenters.nested_state import WORDS, counted
from runs.presenters.run_checks import Check


def nested_checks(run: Run, rows: Sequence[Judged]) -> list[Check]:
    found = [_rows(rows), *_votes(run), *_reasons(rows)]
    found += [Check("warn", warning) for warning in run.warnings]
    if run.is_simulated:
        found.append(Check("warn", "The answers are simulated: they say nothing about a model"))
    if run.is_replayed:
        found.append(Check("warn", "The answers are replayed from a recording: no model was asked"))
    return found


def _rows(rows: Sequence[Judged]) -> Check:
    counts = Counter(state.key for _, state in rows)
    if counts["open"]:
        ended = len(rows) - counts["open"]
        return Check("wait", f"{ended:,} of {len(rows):,} have ended; each is joined on its own")
    told = ", ".join(counted(counts[key], key) for key in WORDS if counts[key])
    return Check("done", f"Every row is counted once: {told}")


def _votes(run: Run) -> list[Check]:
    failed = run.counts.get("failed", 0)
    if not failed:
        return [Check("done", "No vote failed")]
    return [Check("fail", f"{figures.plural(failed, 'vote')} failed and count for nothing")]


def _reasons(rows: Sequence[Judged]) -> list[Check]:
    without = [state.key for row, state in rows if row.outcome and not row.value]
    if not without:
        return []
    counts = Counter(without)
    told = ", ".join(counted(count, key) for key, count in counts.items())
    return [Check("off", f"Rows without an answer are missing in the joined text: {told}")]
