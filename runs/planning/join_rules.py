"""What is wrong with join settings, said beside the very field. Reads them raw, before they are
made values: the dataclasses of `domain.joins` know their rules but not their place.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import regex

from runs.domain.errors import InvalidInput
from runs.domain.joins import MERGE_PROMPT, ReaderKind
from runs.planning import rendering
from runs.planning.shape import JOINS

MOST_CHOICES = 200
LONGEST_PATTERN = 1000
LONGEST_PROMPT = 200_000
LONGEST_SEPARATOR = 1000
LONGEST_MERGE = 200_000
MERGE_NAMES = ("parts", "missing")


def errors(join: object) -> list[InvalidInput]:
    """All that can be said of `join` as it was written."""
    if not isinstance(join, Mapping):
        return []  # absent, or no group of fields: the shape says so
    method = join.get("method")
    if not isinstance(method, str) or method not in JOINS:
        return [InvalidInput(f"must be one of {', '.join(JOINS)}", "join.method")]
    found = list(_METHODS[method](join))
    if isinstance(join.get("reader"), Mapping) and method in {"majority", "gate"}:
        found += _reader(join["reader"])
    return found


def _concatenate(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _text(join, "separator", 0, LONGEST_SEPARATOR)


def _majority(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _number(join, "least_share", 0, 1, "must be a number from 0 to 1")


def _merge(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    yield from _number(join, "parts", 2, 50, "must be a whole number from 2 to 50")
    allowed = f"must be a whole number from 1 to {LONGEST_MERGE:,}"
    yield from _number(join, "max_tokens", 1, LONGEST_MERGE, allowed)
    yield from _text(join, "connection", 0, 80)
    yield from _text(join, "model", 0, 120)
    yield from _text(join, "prompt", 1, LONGEST_PROMPT)
    prompt = join.get("prompt", MERGE_PROMPT)
    if not isinstance(prompt, str):
        return
    if "{{ parts }}" not in prompt:
        yield InvalidInput("must contain {{ parts }}, where the answers go", "join.prompt")
    for name in rendering.variables(prompt):
        if name not in MERGE_NAMES:
            yield rendering.unknown(name, MERGE_NAMES, "join.prompt")


def _gate(join: Mapping[str, Any]) -> Iterator[InvalidInput]:
    passes = join.get("passes", ["pass"])
    if not _is_list(passes):
        return
    if not passes or not all(isinstance(word, str) and word.strip() for word in passes):
        yield InvalidInput("must list at least one answer that lets through", "join.passes")
        return
    reader = join.get("reader", {"kind": "choice", "choices": ["pass", "block"]})
    choices = reader.get("choices") if isinstance(reader, Mapping) else None
    if not _is_list(choices) or reader.get("kind") != ReaderKind.CHOICE:
        return
    known = {str(choice).casefold() for choice in choices}
    strange = [word for word in passes if word.casefold() not in known]
    if strange:
        allowed = ", ".join(str(choice) for choice in choices)
        yield InvalidInput(
            f"“{strange[0]}” is none of the reader's choices; allowed are {allowed}", "join.passes"
        )


_METHODS = {"concatenate": _concatenate, "majority": _majority, "merge": _merge, "gate": _gate}


def _reader(reader: Mapping[str, Any]) -> Iterator[InvalidInput]:
    match reader.get("kind"):
        case ReaderKind.REGEX:
            yield from _pattern(reader.get("pattern", ""))
        case ReaderKind.CHOICE:
            yield from _choices(reader.get("choices", ()))
        case ReaderKind.JSON_FIELD:
            name = reader.get("field", "")
            if isinstance(name, str) and not 0 < len(name.strip()) <= 200:
                yield InvalidInput(
                    "must name the field to read, dots for inner ones, as in result.label",
                    "join.reader.field",
                )


def _pattern(pattern: object) -> Iterator[InvalidInput]:
    if not isinstance(pattern, str):
        return  # the shape says so
    if not 0 < len(pattern) <= LONGEST_PATTERN:
        yield InvalidInput(
            f"must be a regular expression of at most {LONGEST_PATTERN:,} characters",
            "join.reader.pattern",
        )
        return
    try:
        regex.compile(pattern, regex.MULTILINE)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        yield InvalidInput(f"is no regular expression: {error}", "join.reader.pattern")


def _choices(choices: object) -> Iterator[InvalidInput]:
    if not _is_list(choices):
        return
    field = "join.reader.choices"
    strange = [choice for choice in choices if not isinstance(choice, str)]
    if strange:
        yield InvalidInput(f"must be texts: put {strange[0]} in quotes", field)
        return
    plain = [" ".join(choice.split()).casefold() for choice in choices]
    if not 2 <= len(plain) <= MOST_CHOICES:
        yield InvalidInput(f"must list 2 to {MOST_CHOICES} choices", field)
    elif not all(0 < len(choice) <= 200 for choice in plain):
        yield InvalidInput("must be 1 to 200 characters each", field)
    elif len(set(plain)) < len(plain):
        yield InvalidInput("must all differ, capitals aside", field)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _number(
    join: Mapping[str, Any], key: str, least: float, most: float, allowed: str
) -> Iterator[InvalidInput]:
    value = join.get(key, least)
    try:
        is_allowed = not isinstance(value, bool) and least <= float(value) <= most
        if "whole" in allowed:
            is_allowed = is_allowed and float(value).is_integer()
    except (TypeError, ValueError, OverflowError):
        is_allowed = False
    if not is_allowed:
        yield InvalidInput(allowed, f"join.{key}")


def _text(join: Mapping[str, Any], key: str, least: int, most: int) -> Iterator[InvalidInput]:
    value = join.get(key)
    if isinstance(value, str) and not least <= len(value) <= most:
        allowed = f"must be text of {least} to {most:,} characters"
        yield InvalidInput(
            allowed if least else f"must be at most {most:,} characters", f"join.{key}"
        )
