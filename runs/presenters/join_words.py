"""A join's settings and its failure policy in plain words, one line each. Knows no pages."""

from collections.abc import Iterator, Mapping
from typing import Any

from runs.domain.joins import MERGE_PROMPT
from runs.presenters import figures

Line = tuple[str, str]
"""(what is set, to what)."""

METHODS = {
    "concatenate": "put together in order",
    "majority": "majority",
    "union": "union of the items",
    "numeric": "a number of them all",
    "fields": "JSON voted field by field",
    "merge": "merged by a model",
    "judge": "picked by a judge",
    "gate": "gate",
}
READERS = {
    "whole_text": "the whole answer",
    "last_line": "its last line",
    "regex": "the pattern {pattern}",
    "number": "its last number",
    "choice": "one of {choices}",
    "json_field": "the JSON field {field}",
}
ITEMS = {"lines": "its lines", "commas": "words between commas", "json": "a JSON list"}
TIES = {
    "declare": "say that it is a tie",
    "first_seen": "take the lowest numbered branch",
    "judge": "ask a judge",
}
STATISTICS = {"median": "median", "mean": "mean", "trimmed_mean": "mean without the ends"}
MODES = {"pick": "picks the best, asked in both orders", "score": "scores each answer alone"}
POLICIES = {
    "stop": "the first failure ends it",
    "all": "all are needed",
    "at_least": "at least {least} are needed",
    "mark_gaps": "go on, marking the gap",
}
LONGEST = 160


def lines_of(spec: Mapping[str, Any]) -> list[Line]:
    """All that joining again may change, as this configuration has it."""
    each = spec.get("each")
    if not each:
        return [*_join(spec["join"], spec), ("If branches fail", _policy(spec))]
    votes = [*_join(spec["join"], spec), ("If votes fail", _policy(spec))]
    own = each.get("join") or {"method": "concatenate"}
    above = [*_join(own, spec), ("If a vote gives nothing", _policy(each))]
    return [*votes, *((f"All together: {_lower(what)}", value) for what, value in above)]


def brief(spec: Mapping[str, Any]) -> str:
    """The join in a few words: `majority, read from its last number`."""
    lines = dict(_join(spec["join"], spec))
    read = lines.get("Read from each answer")
    return lines["Joined by"] + (f", read from {read}" if read else "")


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _policy(spec: Mapping[str, Any]) -> str:
    chosen = spec.get("on_failure") or {}
    words = POLICIES.get(str(chosen.get("policy", "mark_gaps")), "")
    return words.format(least=chosen.get("least", 1))


def _join(join: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Line]:
    method = str(join.get("method"))
    yield "Joined by", METHODS.get(method, method)
    if isinstance(join.get("reader"), Mapping):
        yield "Read from each answer", _reader(join["reader"])
    match method:
        case "majority":
            yield from _majority(join, spec)
        case "union":
            yield from _union(join)
        case "numeric":
            yield from _numeric(join)
        case "fields":
            yield "JSON schema", "one of its own" if join.get("schema") else "any object"
            yield "When a field's values tie", TIES.get(join.get("ties", "declare"), "")
        case "merge":
            yield from _merge(join, spec)
        case "judge":
            yield "The judge", MODES.get(join.get("mode", "pick"), "")
            yield from _judge(join.get("judge") or {}, spec)
        case "gate":
            yield "A check passes on", ", ".join(join.get("passes") or ("pass",))
            yield "It goes out when", "any passes" if join.get("require") == "any" else "all pass"
        case "concatenate":
            yield "Between two parts", repr(join.get("separator", "\n\n"))[1:-1]
            yield "Under their labels", _yes(join.get("heading", True))


def _reader(reader: Mapping[str, Any]) -> str:
    kind = str(reader.get("kind", "whole_text"))
    return _cut(
        READERS.get(kind, kind).format(
            pattern=reader.get("pattern", ""),
            choices=", ".join(reader.get("choices") or ()),
            field=reader.get("field", ""),
        )
    )


def _majority(join: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Line]:
    ties = join.get("ties", "declare")
    yield "When two answers tie", TIES.get(ties, ties)
    least = join.get("least_share") or 0
    yield "Least share of the leader", figures.percent(least) if least else "none"
    weights = join.get("weights") or {}
    told = ", ".join(f"{voter} {weight:g}" for voter, weight in weights.items())
    yield "Weights", _cut(told) or "all alike"
    if ties == "judge":
        yield from _judge(join.get("judge") or {}, spec)


def _union(join: Mapping[str, Any]) -> Iterator[Line]:
    items = join.get("items") or {}
    kind = items.get("kind", "lines")
    field = f", {items['field']}" if kind == "json" and items.get("field") else ""
    yield "Items are read from", f"{ITEMS.get(kind, kind)}{field}"
    if items.get("key"):
        yield "Same item when equal in", ", ".join(items["key"])
    yield "Answers that must name it", str(join.get("least_support", 1))
    likeness = join.get("likeness", 100)
    yield "Folded when alike", "equal ones only" if likeness >= 100 else f"{likeness:g}% and more"


def _numeric(join: Mapping[str, Any]) -> Iterator[Line]:
    statistic = join.get("statistic", "median")
    yield "The result is", STATISTICS.get(statistic, statistic)
    if statistic == "trimmed_mean":
        yield "Left out at either end", figures.percent(join.get("trim", 0.1))


def _merge(join: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Line]:
    prompt = join.get("prompt", MERGE_PROMPT)
    yield "Merged by", _model(join, spec)
    yield "Merge prompt", "the built-in one" if prompt == MERGE_PROMPT else _cut(prompt)
    yield "Parts a merge", str(join.get("parts", 6))
    yield "Longest merged text", figures.plural(join.get("max_tokens", 400), "token")
    yield "Checked by a model", _yes(join.get("check"))


def _judge(judge: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[Line]:
    yield "Judge's model", _model(judge, spec)
    yield "What makes an answer good", _cut(judge.get("rubric") or "") or "not said"
    if judge.get("prompt"):
        yield "Judge's prompt", _cut(judge["prompt"])
    if judge.get("task"):
        yield "The task it is told", _cut(judge["task"])
    if judge.get("temperature") is not None:
        yield "Judge's temperature", f"{judge['temperature']:g}"
    if judge.get("max_tokens"):
        yield "Longest verdict", figures.plural(judge["max_tokens"], "token")


def _model(asked: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    call = spec.get("call") or {}
    connection = asked.get("connection") or call.get("connection", "")
    return f"{connection} / {asked.get('model') or call.get('model', '')}"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1].rstrip()}…"
