"""A run as a file: JSON with everything, CSV of the branches, Markdown of the joined output."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from runs.models import Run
from runs.presenters import figures
from runs.presenters.run_head import sentence
from runs.presenters.run_state import run_pill
from runs.queries import runs as queries

MOST_ROWS = 1_000_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
ATTEMPT_FIELDS = (
    "number", "status", "ready_ms", "admitted_ms", "sent_ms", "first_token_ms", "ended_ms",
    "held_ms", "held_reason", "status_code", "retry_after_s", "error_kind", "error",
    "input_tokens", "output_tokens", "cost_usd", "is_cost_confirmed",
    "is_hedge",
)  # fmt: skip
PASS_FIELDS = (
    "n", "kind", "settings", "status", "outcome", "reason", "calls", "spent_usd", "started_at",
    "ended_at",
)  # fmt: skip


def file_name(run: Run, kind: str) -> str:
    """`ticket-triage-run-3.csv`, of plain letters only."""
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in run.name.lower())
    return "-".join([*words.split(), "run", str(run.number)]) + f".{kind}"


def as_json(run: Run) -> str:
    """Everything about the run but its provider keys, which it never had."""
    content = {
        "run": _run(run),
        "configuration": run.spec,
        "estimate": run.estimate,
        "kpis": run.kpis,
        "baseline": run.baseline,
        "items": list(run.items.values("number", "label", "fields", "gold")),
        "joins": list(
            run.joins.order_by("number").values(
                "number", "parent_number", "label", "children", "status", "outcome"
            )
        ),
        "passes": list(run.passes.order_by("n").values(*PASS_FIELDS)),
        "outcomes": [_outcome(one) for one in queries.outcomes(run)],
        "branches": _branches(run),
    }
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _run(run: Run) -> dict[str, Any]:
    names = (
        "id", "name", "number", "pattern", "method", "status", "outcome", "reason", "is_simulated",
        "is_replayed",
        "warnings", "created_at", "launched_at", "ended_at", "budget_usd", "spent_usd", "calls",
        "chosen_pass",
    )  # fmt: skip
    return {name: getattr(run, name) for name in names}


def _outcome(outcome: Any) -> dict[str, Any]:
    names = ("child", "kind", "reason", "value")
    return {
        "join": outcome.join.number,
        "pass": outcome.pass_n,
        "kind": outcome.kind,
        "value": outcome.value,
        "detail": outcome.detail,
        "quality": outcome.quality,
        "contributions": [dict(zip(names, entry, strict=True)) for entry in outcome.contributions],
    }


def _branches(run: Run) -> list[dict[str, Any]]:
    texts = queries.all_answers(run)
    attempts: dict[int, list[dict[str, Any]]] = {}
    for row in queries.all_attempts(run).values("branch__number", *ATTEMPT_FIELDS):
        attempts.setdefault(row.pop("branch__number"), []).append(row)
    return [
        row | {"answer": texts.get(row["number"]), "attempts": attempts.get(row["number"], [])}
        for row in queries.branch_rows(run, most=MOST_ROWS)
    ]


def as_csv(run: Run) -> str:
    """One line a branch. Text that a spreadsheet would take for a formula gets a leading quote."""
    texts = queries.all_answers(run)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*queries.BRANCH_COLUMNS, "answer"])
    for row in queries.branch_rows(run, most=MOST_ROWS):
        cells = [*row.values(), texts.get(row["number"], "")]
        writer.writerow([defused(cell) for cell in cells])
    return out.getvalue()


def defused(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def as_markdown(run: Run) -> str:
    """Head, outcome, the joined output, and what is missing from it."""
    outcome = queries.outcome(run)
    lines = [f"# {run.name} · run {run.number}", "", sentence(run), ""]
    if run.is_simulated:
        lines += ["**Simulated answers.**", ""]
    if run.is_replayed:
        lines += ["**Replayed answers.**", ""]
    lines += [
        f"**{run_pill(run.status, run.outcome).text}.** {outcome.detail if outcome else ''}",
        "",
    ]
    if outcome is None:
        return "\n".join(lines)
    if outcome.value:
        lines += [outcome.value, ""]
    tally = outcome.quality.get("tally") or {}
    if tally:
        lines += ["| answer | votes |", "|---|---|"]
        lines += [f"| {_cell(value)} | {votes} |" for value, votes in tally.items()]
        lines.append("")
    gaps = [
        entry for entry in outcome.contributions if entry[1] in ("failed", "missing", "unreadable")
    ]
    if gaps:
        lines += [f"## Not in it: {figures.thousands(len(gaps))}", ""]
        lines += [f"- {child + 1}: {kind}. {reason}" for child, kind, reason, _ in gaps]
        lines.append("")
    return "\n".join(lines)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")


FILES: dict[str, tuple[str, Callable[[Run], str]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "md": ("text/markdown; charset=utf-8", as_markdown),
}
