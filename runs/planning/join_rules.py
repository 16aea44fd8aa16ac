"""What is wrong with join settings, said beside the very field. Reads them raw, before they are
made values: the dataclasses of `domain.joins` know their rules but not their place.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runs.domain.errors import InvalidInput
from runs.domain.joins import MERGE_PROMPT, ReaderKind
from runs.domain.schemas import unsupported
from runs.planning import rendering, schemas
from runs.planning.reader_rules import is_list, items_errors, reader_errors
from runs.planning.shape import JOINS

LONGEST_PROMPT = 200_000
LONGEST_SEPARATOR = 1000
LONGEST_ANSWER = 200_000  # tokens
MOST_WEIGHTS = 200
MERGE_NAMES = ("parts", "missing")
JUDGE_NAMES = ("answers", "rubric", "task")


def errors(join: object, path: str = "join") -> list[InvalidInput]:
    """All that can be said of `join` as it was written at `path`."""
    if not isinstance(join, Mapping):
        return []  # absent, or no group of fields: the shape says so
    found = list(_of_method(join, join.get("method")))
    return [InvalidInput(one.message, path + one.field.removeprefix("join")) for one in found]


def _of_method(join: Mapping[str, Any], method: object) -> Iterator[InvalidInput]:
    if not isinstance(method, str) or method not in JOINS:
        yield InvalidInput(f"must be one of {', '.join(JOINS)}", "join.method")
        return
    yield from _METHODS[method](join)
    if isinstance(join.get("reader"), Mapping) and method in {"majority", "gate", "numeric"}:
        yield from reader_errors(join["reader"])


def _concatenate(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _text(join, "separator", 0, LONGEST_SEPARATOR)


def _majority(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _number(join, "least_share", 0, 1, "must be a number from 0 to 1")
    yield from _judging(join)
    weights = join.get("weights", {})
    if not isinstance(weights, Mapping):
        yield InvalidInput("must be a group of weights, one `voter: weight` each", "join.weights")
        return
    if len(weights) > MOST_WEIGHTS:
        yield InvalidInput(f"must have at most {MOST_WEIGHTS} entries", "join.weights")
    for voter, weight in weights.items():
        if not _is_number(weight, 0, 1000) or not float(weight):
            yield InvalidInput(
                f"the weight of “{str(voter)[:80]}” must be a number above 0, at most 1,000",
                "join.weights",
            )


def _union(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _number(join, "likeness", 50, 100, "must be a number from 50 to 100", given=100)
    least = join.get("least_support", 1)
    if least not in ("majority", "all") and not _is_number(least, 1, 100_000, is_whole=True):
        yield InvalidInput("must be a whole number from 1, majority or all", "join.least_support")
    if isinstance(join.get("items"), Mapping):
        yield from items_errors(join["items"])


def _numeric(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    allowed = "must be a number from 0 to below 0.5"
    yield from _number(join, "trim", 0, 0.499999, allowed)


def _fields(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    schema = join.get("schema", {})
    if not isinstance(schema, Mapping):
        return  # the shape says so
    if problem := schemas.problem(schema) or unsupported(schema):
        yield InvalidInput(problem, "join.schema")
    elif schema.get("type", "object") != "object":
        yield InvalidInput("must be the schema of an object: type object", "join.schema")


def _merge(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _number(join, "parts", 2, 50, "must be a whole number from 2 to 50")
    yield from _asking(join)
    yield from _text(join, "prompt", 1, LONGEST_PROMPT)
    prompt = join.get("prompt", MERGE_PROMPT)
    if isinstance(prompt, str):
        yield from _names(prompt, "parts", MERGE_NAMES, "join.prompt")


def _judge(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _judging(join)


def _judging(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    judge = join.get("judge")
    if not isinstance(judge, Mapping):
        return
    yield from _asking(judge, "judge.")
    yield from _text(judge, "rubric", 0, LONGEST_PROMPT, "judge.")
    yield from _text(judge, "task", 0, LONGEST_PROMPT, "judge.")
    yield from _text(judge, "prompt", 0, LONGEST_PROMPT, "judge.")
    if judge.get("temperature") is not None:
        yield from _number(judge, "temperature", 0, 2, "must be a number from 0 to 2", at="judge.")
    prompt = judge.get("prompt")
    if isinstance(prompt, str) and prompt:
        yield from _names(prompt, "answers", JUDGE_NAMES, "join.judge.prompt")


def _asking(group: Mapping[str, Any], at: str = "") -> Iterator[InvalidInput]:
    """Of a model that a join asks."""
    allowed = f"must be a whole number from 1 to {LONGEST_ANSWER:,}"
    yield from _number(group, "max_tokens", 1, LONGEST_ANSWER, allowed, at=at)
    yield from _text(group, "connection", 0, 80, at)
    yield from _text(group, "model", 0, 120, at)


def _names(prompt: str, needed: str, known: tuple[str, ...], field: str) -> Iterator[InvalidInput]:
    if f"{{{{ {needed} }}}}" not in prompt:
        yield InvalidInput(f"must contain {{{{ {needed} }}}}, where the answers go", field)
    for name in rendering.variables(prompt):
        if name not in known:
            yield rendering.unknown(name, known, field)


def _gate(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    passes = join.get("passes", ["pass"])
    if not is_list(passes):
        return
    if not passes or not all(isinstance(word, str) and word.strip() for word in passes):
        yield InvalidInput("must list at least one answer that lets through", "join.passes")
        return
    reader = join.get("reader", {"kind": "choice", "choices": ["pass", "block"]})
    choices = reader.get("choices") if isinstance(reader, Mapping) else None
    if not is_list(choices) or reader.get("kind") != ReaderKind.CHOICE:
        return
    known = {str(choice).casefold() for choice in choices}
    strange = [word for word in passes if word.casefold() not in known]
    if strange:
        allowed = ", ".join(str(choice) for choice in choices)
        yield InvalidInput(
            f"“{strange[0]}” is none of the reader's choices; allowed are {allowed}", "join.passes"
        )


_METHODS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[InvalidInput]]] = {
    "concatenate": _concatenate,
    "majority": _majority,
    "union": _union,
    "numeric": _numeric,
    "fields": _fields,
    "merge": _merge,
    "judge": _judge,
    "gate": _gate,
}


def _number(
    group: Mapping[str, Any],
    key: str,
    least: float,
    most: float,
    allowed: str,
    *,
    given: float | None = None,
    at: str = "",
) -> Iterator[InvalidInput]:
    """`given`: the value where none is written, if that is not the least."""
    value = group.get(key, least if given is None else given)
    if not _is_number(value, least, most, is_whole="whole" in allowed):
        yield InvalidInput(allowed, f"join.{at}{key}")


def _is_number(value: object, least: float, most: float, *, is_whole: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return False
    return least <= number <= most and (not is_whole or number.is_integer())


def _text(
    group: Mapping[str, Any], key: str, least: int, most: int, at: str = ""
) -> Iterator[InvalidInput]:
    value = group.get(key)
    if isinstance(value, str) and not least <= len(value) <= most:
        allowed = f"must be text of {least} to {most:,} characters"
        yield InvalidInput(
            allowed if least else f"must be at most {most:,} characters", f"join.{at}{key}"
        )
