"""A configuration's dict to the editor's flat values and back. Every path goes both ways."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from runs.forms.controls import FIELDS, PROMPT_FIELDS
from runs.planning.shape import GROUPS, JOINS, Each

METHODS = tuple(JOINS)
SECTIONS = ("on_failure", "split", "votes", "call", "limits")
MAY_BE_EMPTY = {
    "call.temperature",
    "call.top_p",
    "call.seed",
    "call.json_schema",
    "limits.in_flight",
    "limits.calls",
    "limits.tokens",
    "limits.cost_usd",
    "limits.hedge",
    "provider.calls_per_minute",
    "provider.tokens_per_minute",
    "provider.price_input",
    "provider.price_output",
    "provider.price_cached",
    "provider.shuffle",
    "votes.wave_most",
}
MAY_BE_EMPTY_ENDS = (".judge.temperature",)  # wherever a judge's settings stand
LEFT_TO_DEFAULT = {"votes.stop"}  # without a choice it is as a file without it
INLINE = ("documents", "rows")
_EMPTY_READER = {"kind": "whole_text", "pattern": "", "choices": [], "field": ""}


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the editor shows for `spec`, by the name of its field; defaults where it is silent."""
    values = _defaults() | {"name": spec.get("name"), "pattern": spec.get("pattern")}
    values |= _join(spec.get("join") or {}) | _each(spec.get("each"))
    for section in (*SECTIONS, "provider"):
        values |= _paths(spec.get(section) or {}, section)
    values |= _input(spec.get("input") or {})
    shown = {name: FIELDS[name]().show(value) for name, value in values.items() if name in FIELDS}
    for number, prompt in enumerate(spec.get("prompts") or [{}]):
        shown |= _prompt(number, prompt)
    return shown


def _join(given: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """A join's settings under its method's name."""
    join = dict(given)
    if "reader" in join:  # what a reader given leaves out is not what a method's own reader has
        join["reader"] = {**_EMPTY_READER, **join["reader"]}
    method = str(join.get("method"))
    return {f"{at}join.method": join.get("method"), **_paths(join, f"{at}{method}")}


def _each(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """One vote for each piece; without it, what the editor shows once one is chosen."""
    usual = Each()
    join = (given or {}).get("join") or asdict(usual.join)
    rest = {key: value for key, value in (given or {}).items() if key != "join"}
    silent = usual.model_dump(mode="json", exclude={"join"})
    values = _paths(silent, "each") | _paths(rest, "each") | _join(join, "each.")
    return values if given is not None else values | {"each.by": ""}


def nested(values: Mapping[str, Any], prompts: int) -> dict[str, Any]:
    """The configuration's dict of the editor's cleaned `values`, to be parsed by `planning`."""
    spec: dict[str, Any] = {"name": values.get("name", ""), "pattern": values.get("pattern", "")}
    spec["join"] = join_spec(values)
    spec |= {section: _under(values, section) for section in SECTIONS}
    if spec["pattern"] == "voting":
        spec |= _voting_spec(values)
        if spec["join"]["method"] != "majority":
            spec["votes"].pop("stop", None)  # the editor does not show it there
    spec["prompts"] = [_prompt_spec(values, number) for number in range(prompts)]
    if values.get("provider.name"):
        spec["provider"] = _under(values, "provider")
    if given := _input_spec(values):
        spec["input"] = given
    return spec


def join_spec(values: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """The join of the branches as configurations have it; `at` `each.`: that of their results."""
    method = values.get(f"{at}join.method", "")
    return {"method": method, **(_under(values, f"{at}{method}") if method in METHODS else {})}


def _voting_spec(values: Mapping[str, Any]) -> dict[str, Any]:
    """One vote for each piece, where that is chosen."""
    if not values.get("each.by"):
        return {}
    own = ("each.by", "each.chunk_tokens")
    each = {
        name.removeprefix("each."): values[name] for name in own if not _is_left_out(values, name)
    }
    each["join"] = join_spec(values, "each.")
    return {"each": {**each, "on_failure": _under(values, "each.on_failure")}}


def field_of(path: str, method: str, names: set[str], each_method: str = "") -> str | None:
    """The field nearest to an error's `path`; None where no field is to blame. `method` and
    `each_method` are those chosen for the branches and for their results."""
    path = re.sub(r"\[(\d+)\]", r".\1", path)
    for at, chosen in (("", method), ("each.", each_method)):
        join = f"{at}join"
        if path == join or (path.startswith(f"{join}.") and path != f"{join}.method"):
            path = path.replace(join, f"{at}{chosen}", 1)
    while path:
        for name in (path, *_gathering(path)):
            if name in names:
                return name
        path = path.rpartition(".")[0]
    return None


def _gathering(path: str) -> tuple[str, ...]:
    """Fields that stand for a whole section of the configuration."""
    stand_ins = {
        "prompts": "prompts.0.text",
        "split": "split.by",
        "votes": "votes.vary",
        "each": "each.by",
        "each.on_failure": "each.on_failure.policy",
        "on_failure": "on_failure.policy",
        "call": "call.model",
        "provider": "provider.name",
        "input.documents": "input.inline",
        "input.rows": "input.inline",
        "input": "input.kind",
    }
    if path in METHODS:
        return ("join.method",)
    if path.removeprefix("each.") in METHODS:
        return ("each.join.method",)
    if found := re.fullmatch(r"prompts\.(\d+)", path):
        return (f"prompts.{found[1]}.text",)
    return (stand_ins[path],) if path in stand_ins else ()


def _defaults() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for method, settings in JOINS.items():
        values |= _paths(asdict(settings()), method)
        values |= _paths(asdict(settings()), f"each.{method}")
    for section in (*SECTIONS, "provider"):
        shape: Any = GROUPS[section]
        fields = shape.model_fields.items()
        given = {key: field.get_default() for key, field in fields if not field.is_required()}
        values |= _paths(given, section)
    return values


def _paths(section: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in section.items():
        path = f"{prefix}.{key}"
        if isinstance(value, Mapping) and path not in FIELDS:
            values |= _paths(value, path)
        else:
            values[path] = value
    return values


def _under(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    section: dict[str, Any] = {}
    for name in FIELDS:
        if not name.startswith(f"{prefix}.") or _is_left_out(values, name):
            continue
        *inner, key = name.removeprefix(f"{prefix}.").split(".")
        target = section
        for part in inner:
            target = target.setdefault(part, {})
        target[key] = values[name]
    return section


def _is_left_out(values: Mapping[str, Any], name: str) -> bool:
    """A field the browser did not send, or one left empty that does not matter now."""
    if name not in values or (name in LEFT_TO_DEFAULT and values[name] == ""):
        return True
    if values[name] is not None or name in MAY_BE_EMPTY or name.endswith(MAY_BE_EMPTY_ENDS):
        return False
    matters = {
        "split.chunk_tokens": values.get("split.by") == "chunks",
        "votes.samples": values.get("pattern") == "voting",
        "votes.wave_least": values.get("votes.stop") not in {None, "", "all"},
        "on_failure.least": values.get("on_failure.policy") == "at_least",
        "each.chunk_tokens": values.get("each.by") == "chunks",
        "each.on_failure.least": values.get("each.on_failure.policy") == "at_least",
    }
    return not matters.get(name, True)


def _prompt(number: int, prompt: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: prompt.get(key) for key in PROMPT_FIELDS}
    if prompt.get("template"):
        values["template"] = template_choice(prompt["template"], prompt.get("version"))
    return {
        f"prompts.{number}.{key}": PROMPT_FIELDS[key]().show(value) for key, value in values.items()
    }


def template_choice(name: str, version: int | None) -> str:
    return f"{name}@{version}" if version else name


def _prompt_spec(values: Mapping[str, Any], number: int) -> dict[str, Any]:
    prompt = {key: values.get(f"prompts.{number}.{key}", "") for key in PROMPT_FIELDS}
    prompt["role"] = prompt["role"] or "section"
    prompt["json_schema"] = prompt["json_schema"] or None
    choice = prompt.pop("template")
    if not choice:
        return prompt
    name, _, version = choice.rpartition("@")
    stored = {"template": name, "version": int(version)} if version.isdigit() and name else {}
    kept = {key: prompt[key] for key in ("name", "role", "json_schema")}
    return {**kept, **(stored or {"template": choice})}


def _input(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**_source(given), "input.gold": given.get("gold")}


def _source(given: Mapping[str, Any]) -> dict[str, Any]:
    for key in INLINE:
        if given.get(key):
            return {"input.kind": "inline", "input.inline": {key: given[key]}}
    if given.get("dataset"):
        return {"input.kind": "dataset", "input.dataset": given["dataset"]}
    if given.get("files") is not None:
        return {"input.kind": "files"}
    if given.get("text") is not None:
        return {"input.kind": "text", "input.text": given["text"]}
    return {"input.kind": "none"}


def _input_spec(values: Mapping[str, Any]) -> dict[str, Any] | None:
    source, gold = _source_spec(values), values.get("input.gold")
    by = "each.by" if values.get("pattern") == "voting" else "split.by"
    is_table = values.get(by) == "row" or values.get("input.kind") == "inline"
    is_left_to_launch = values.get("input.kind") == "none"
    if not gold or not is_table or (source is None and not is_left_to_launch):
        return source
    return {**(source or {}), "gold": gold}


def _source_spec(values: Mapping[str, Any]) -> dict[str, Any] | None:
    match values.get("input.kind"):
        case "text":
            return {"text": values.get("input.text", "")}
        case "dataset":
            return {"dataset": values.get("input.dataset", "")}
        case "inline":
            inline = values.get("input.inline")
            return inline if isinstance(inline, dict) else {"documents": inline}
        case _:
            return None
