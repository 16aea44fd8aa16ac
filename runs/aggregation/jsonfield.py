"""Reading one field of the JSON in an answer, mended where it is only slightly malformed.

JSON cut before its end is never guessed at. Knows nothing of joins.
"""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import json_repair

from runs.aggregation.numbers import written

LONGEST_TEXT = 100_000  # characters looked at, from the end
LONGEST_MENDED = 4_000  # characters of malformed JSON that a mending is tried on
MOST_OPENED = 100  # brackets in it: a hostile text would take seconds with more
DEEPEST = 200  # nested objects and lists
_MOST_MENDED = 8
_ABSENT = object()
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)|[{}\[\]]', re.DOTALL)
_STRING_OR_BRACE = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)|[{}]', re.DOTALL)


def read_field(text: str, field: str) -> tuple[str | None, str]:
    """The field's value as text and how it was read, or None and why it could not be.

    The last object that has the field counts, strictly parsed before mended.
    """
    found = list(_objects(text[-LONGEST_TEXT:]))
    if not found:
        return None, "it holds no JSON"
    if found[-1] is None:
        return None, "its JSON is cut before its end"
    whole = [segment for segment in found if segment is not None]
    for load, note in ((_strict, ""), (_mended, "read after mending its JSON")):
        for segment in reversed(whole if not note else whole[-_MOST_MENDED:]):
            value = _at(load(segment), field)
            if value is not _ABSENT:
                written_value = _as_text(value)
                return written_value, note if written_value is not None else f"“{field}” is null"
    return None, f"its JSON has no “{field}”"


def _objects(text: str) -> Iterator[str | None]:
    """Texts of the outermost `{…}`, in order; None for one that never closes."""
    start = text.find("{")
    while start >= 0:
        end = _end_of_object(text, start)
        if end is None:
            yield None
            return
        yield text[start:end]
        start = text.find("{", end)


def _end_of_object(text: str, start: int) -> int | None:
    depth = 0
    for token in _STRING_OR_BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if not depth:
            return token.end()
    return None


def _strict(segment: str) -> Any:
    if _is_deep(segment):
        return None
    try:
        return json.loads(segment)
    except (ValueError, RecursionError):
        return None


def _is_deep(segment: str) -> bool:
    """Nested beyond any sense: parsers give up at depths that differ between Python versions."""
    if segment.count("[") + segment.count("{") <= DEEPEST:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(segment):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth > DEEPEST:
            return True
    return False


def _mended(segment: str) -> Any:
    opened = segment.count("{") + segment.count("[")
    if len(segment) > LONGEST_MENDED or opened > MOST_OPENED:
        return None
    try:
        return json_repair.loads(segment)
    except (ValueError, RecursionError):
        return None


def _at(value: Any, field: str) -> Any:
    """The value at a dotted path: keys of objects, positions in lists."""
    if isinstance(value, dict) and field in value:
        return value[field]
    for part in field.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) < 1e300:  # not NaN, not infinite
        return written(Fraction(str(value)))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
