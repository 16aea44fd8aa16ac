"""JSON inside an answer: where it stands, parsed strictly or mended, and one spelling of a value.

JSON cut before its end is never guessed at. Knows nothing of joins or readers.
"""

import json
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import json_repair

from runs.aggregation.normalize import normalized
from runs.aggregation.numbers import written

LONGEST_MENDED = 4_000  # characters of malformed JSON that a mending is tried on
MOST_OPENED = 100  # brackets in it: a hostile text would take seconds with more
DEEPEST = 200  # nested objects and lists
ABSENT = object()
_STRING = r'"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)'
_STRING_OR_BRACKET = re.compile(rf"{_STRING}|[{{}}\[\]]", re.DOTALL)
_STRING_OR_BRACE = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_OPENING_BRACE = re.compile(r"\{")
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def objects(text: str) -> Iterator[str | None]:
    """Texts of the outermost `{…}`, in order; None for one that never closes."""
    return _segments(text, _OPENING_BRACE, _STRING_OR_BRACE)


def segments(text: str) -> Iterator[str | None]:
    """Texts of the outermost `{…}` and `[…]`, in order; None for one that never closes."""
    return _segments(text, _OPENING, _STRING_OR_BRACKET)


def strict(segment: str) -> Any:
    """What the JSON says, NaN and infinities as null; `ABSENT` where it is none, or too deep."""
    if _is_deep(segment):
        return ABSENT
    try:
        value = json.loads(segment, parse_constant=_null, parse_float=_finite)
    except (ValueError, RecursionError):
        return ABSENT
    return _writable(value) if "\\u" in segment else value


def mended(segment: str) -> Any:
    """What slightly malformed JSON says; `ABSENT` where nothing can be made of it."""
    opened = segment.count("{") + segment.count("[")
    if len(segment) > LONGEST_MENDED or opened > MOST_OPENED:
        return ABSENT
    try:
        value = json_repair.loads(segment)
        return strict(json.dumps(value))
    except (ValueError, RecursionError):
        return ABSENT


def at(value: Any, path: str) -> Any:
    """The value at a dotted path: keys of objects, positions in lists; `ABSENT` if none."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return ABSENT
    return value


def as_text(value: Any) -> str | None:
    """A text as it is, one spelling a number, JSON for what is nested; None for null."""
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) < 1e300:
        return written(Fraction(str(value)))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def comparable(value: Any) -> str:
    """What is compared: texts normalised, numbers in one spelling, keys sorted. A number and the
    text that spells it differ."""
    return json.dumps(_comparable(value), ensure_ascii=False, sort_keys=True)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _comparable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    if isinstance(value, str):
        return normalized(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _segments(text: str, opening: re.Pattern[str], tokens: re.Pattern[str]) -> Iterator[str | None]:
    found = opening.search(text)
    while found:
        end = _end(text, found.start(), tokens)
        if end is None:
            yield None
            return
        yield text[found.start() : end]
        found = opening.search(text, end)


def _end(text: str, start: int, tokens: re.Pattern[str]) -> int | None:
    depth = 0
    for token in tokens.finditer(text, start):
        depth += _STEPS.get(token[0], 0)
        if not depth:
            return token.end()
    return None


def _is_deep(segment: str) -> bool:
    """Nested beyond any sense: parsers give up at depths that differ between Python versions."""
    if segment.count("[") + segment.count("{") <= DEEPEST:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(segment):
        depth += _STEPS.get(token[0], 0)
        if depth > DEEPEST:
            return True
    return False


def _null(_: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _writable(value: Any) -> Any:
    """Without what no database takes: NUL, and halves of characters."""
    if isinstance(value, str):
        return _UNWRITABLE.sub("", value)
    if isinstance(value, list):
        return [_writable(inner) for inner in value]
    if isinstance(value, dict):
        return {_writable(name): _writable(inner) for name, inner in value.items()}
    return value
