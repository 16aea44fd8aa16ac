"""The head of a run's page: what was asked for, in one sentence."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from runs.domain.states import OPEN_RUN
from runs.models import Run
from runs.presenters import figures
from runs.queries import runs as queries

READERS = {
    "whole_text": "the whole answer counts",
    "last_line": "answer from the last line",
    "regex": "answer by a pattern",
    "number": "answer is a number",
    "choice": "answer is one of {count} choices",
    "json_field": "answer from the JSON field “{field}”",
}
SPLITS = {
    "document": ("document", "documents"),
    "chunks": ("chunk of a text", "chunks of a text"),
    "line": ("line", "lines"),
    "list": ("list item", "list items"),
    "row": ("row", "rows"),
    "prompts": ("prompt over one input", "prompts over one input"),
}
VOTED = {
    "majority": "majority",
    "union": "one list of their items",
    "numeric": "one number of theirs",
    "fields": "JSON voted field by field",
    "judge": "a judge picks",
    "merge": "merged by a model",
    "concatenate": "put together in order",
}
POLICIES = {
    "stop": "the first failure stops it",
    "all": "all are needed",
    "at_least": "at least {least} are needed",
    "mark_gaps": "gaps are marked",
}


def elapsed_ms(run: Run) -> int | None:
    """From the launch to the end, or to now."""
    if run.launched_at is None:
        return None
    end = run.ended_at or timezone.now()
    return round((end - run.launched_at).total_seconds() * 1000)


def sentence(run: Run) -> str:
    """Pattern, join, failure policy, template and model, between middle dots."""
    spec = run.spec
    parts = [_work(run, spec), *_reading(spec), *_prompt(spec), _model(spec), _policy(run, spec)]
    return " · ".join(part for part in parts if part)


def _work(run: Run, spec: Mapping[str, Any]) -> str:
    join, count = spec["join"], run.branches_planned
    if spec.get("each"):
        return _each(run, spec)
    if run.pattern == "voting":
        tie = ", the first seen wins a tie" if join.get("ties") == "first_seen" else ""
        how = f"{VOTED.get(join['method'], '')}{tie}{_stopping(spec)}"
        return f"Voting · {_votes(run, spec)}, {how}"
    if join["method"] == "gate":
        guards = max(count - 1, 0)
        return (
            f"An answer with {figures.plural(guards, 'guard')} beside it, {_need(join)} must pass"
        )
    one, many = SPLITS.get(spec.get("split", {}).get("by", ""), ("section", "sections"))
    return f"Sections · {figures.plural(count, one, many)}, {_joining(join)}"


STOPS = {
    "confident": "stops when 95% sure to win the full vote",
    "strict": "stops when 99% sure to win the full vote",
    "decided": "stops once nothing can change it",
}


def _stop(spec: Mapping[str, Any]) -> str:
    """How a vote may end early; empty where all votes are asked."""
    return STOPS.get((spec.get("votes") or {}).get("stop", "all"), "")


def _stopping(spec: Mapping[str, Any]) -> str:
    return f" · {_stop(spec)}" if _stop(spec) else ""


def _votes(run: Run, spec: Mapping[str, Any]) -> str:
    """Of a vote that may stop early the most there may be, and once it has ended how many were."""
    planned = figures.plural(run.branches_planned, "vote")
    if not _stop(spec):
        return planned
    return f"up to {planned}" if run.status in OPEN_RUN else f"{_asked(run)} votes asked"


def _asked(run: Run) -> str:
    return f"{queries.votes_asked(run):,} of {run.branches_planned:,}"


def _each(run: Run, spec: Mapping[str, Any]) -> str:
    """A vote on every piece of the input."""
    samples = (spec.get("votes") or {}).get("samples", 1)
    rows = run.branches_planned // max(samples, 1)
    one, many = SPLITS.get(spec["each"].get("by", "row"), ("row", "rows"))
    upto = "up to " if _stop(spec) else ""
    asked = f" ({_asked(run)} asked)" if _stop(spec) and run.status not in OPEN_RUN else ""
    method = str(spec["join"]["method"]).replace("_", " ")
    told = f"Voting on {figures.plural(rows, one, many)} · {upto}{figures.plural(samples, 'vote')}"
    return f"{told} each{asked}, {method}{_stopping(spec)}"


def _need(join: Mapping[str, Any]) -> str:
    return "any one" if join.get("require") == "any" else "all"


def _joining(join: Mapping[str, Any]) -> str:
    if join["method"] == "merge":
        return f"merged level by level, {join.get('parts', 6)} parts a merge"
    return "put together in order"


def _reading(spec: Mapping[str, Any]) -> list[str]:
    join = spec["join"]
    if join["method"] != "majority":
        return []
    reader = join.get("reader") or {}
    words = READERS.get(reader.get("kind", ""), "")
    told = words.format(count=len(reader.get("choices") or ()), field=reader.get("field", ""))
    least = join.get("least_share") or 0
    return [told, f"at least {figures.percent(least)} of the votes" if least else ""]


def _prompt(spec: Mapping[str, Any]) -> list[str]:
    stored = [
        f"{prompt['template']} v{prompt['version']}"
        for prompt in spec.get("prompts", ())
        if prompt.get("template") and prompt.get("version")
    ]
    return [", ".join(dict.fromkeys(stored))]


def _model(spec: Mapping[str, Any]) -> str:
    models = spec.get("votes", {}).get("models") or []
    if spec.get("votes", {}).get("vary") == "model" and models:
        return ", ".join(f"{one['connection']} / {one['model']}" for one in models)
    call = spec.get("call", {})
    return f"{call.get('connection', '')} / {call.get('model', '')}"


def _policy(run: Run, spec: Mapping[str, Any]) -> str:
    chosen = spec.get("on_failure") or {}
    what = "votes" if run.pattern == "voting" else "branches"
    words = POLICIES.get(chosen.get("policy", ""), "").format(least=chosen.get("least", 1))
    return f"if {what} fail: {words}" if words else ""
