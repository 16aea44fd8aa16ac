"""What is wrong with a join's reader of values or of lists, said beside the very field."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import regex

from runs.domain.errors import InvalidInput
from runs.domain.joins import ItemsKind, ReaderKind

MOST_CHOICES = 200
MOST_KEYS = 20
LONGEST_PATTERN = 1000
LONGEST_NAME = 200


def reader_errors(reader: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """Of a reader of values, as it was written."""
    match reader.get("kind"):
        case ReaderKind.REGEX:
            yield from _pattern(reader.get("pattern", ""))
        case ReaderKind.CHOICE:
            yield from _choices(reader.get("choices", ()))
        case ReaderKind.JSON_FIELD:
            name = reader.get("field", "")
            if isinstance(name, str) and not 0 < len(name.strip()) <= LONGEST_NAME:
                yield InvalidInput(
                    "must name the field to read, dots for inner ones, as in result.label",
                    "join.reader.field",
                )


def items_errors(items: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """Of a reader of lists, as it was written."""
    kind, field, key = items.get("kind", ItemsKind.LINES), items.get("field"), items.get("key")
    if isinstance(field, str) and len(field) > LONGEST_NAME:
        yield InvalidInput(f"must be at most {LONGEST_NAME} characters", "join.items.field")
    if kind != ItemsKind.JSON:
        for name, value in (("field", field), ("key", key)):
            if value:
                yield InvalidInput("is only read with kind: json", f"join.items.{name}")
    if not is_list(key):
        return
    if len(key) > MOST_KEYS or not all(_is_name(name) for name in key):
        yield InvalidInput(
            f"must list at most {MOST_KEYS} names of fields, as texts",
            "join.items.key",
        )


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name.strip()) <= LONGEST_NAME


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
    if not is_list(choices):
        return
    field = "join.reader.choices"
    strange = [choice for choice in choices if not isinstance(choice, str)]
    if strange:
        yield InvalidInput(f"must be texts: put {strange[0]} in quotes", field)
        return
    plain = [" ".join(choice.split()).casefold() for choice in choices]
    if not 2 <= len(plain) <= MOST_CHOICES:
        yield InvalidInput(f"must list 2 to {MOST_CHOICES} choices", field)
    elif not all(0 < len(choice) <= LONGEST_NAME for choice in plain):
        yield InvalidInput("must be 1 to 200 characters each", field)
    elif len(set(plain)) < len(plain):
        yield InvalidInput("must all differ, capitals aside", field)
