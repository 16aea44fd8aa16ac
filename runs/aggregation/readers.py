"""Reading the value that an answer gives: one function for every kind of reader.

Knows nothing of votes or gates. Two answers are one vote where their readings' values are equal.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import regex

from runs.aggregation.choices import find_choice
from runs.aggregation.jsonfield import read_field
from runs.aggregation.normalize import key, normalized, trimmed
from runs.aggregation.numbers import read_number, written
from runs.domain.joins import Reader, ReaderKind

REGEX_TIMEOUT_S = 0.25
LONGEST_TEXT = 100_000  # characters a pattern is tried on, from the end
_LABEL = re.compile(
    r"[*_\s]*(?:the\s+)?(?:final\s+)?answer[*_\s]*(?:is\b[*_\s]*:?|:)\s*", re.IGNORECASE
)
_RULE = re.compile(r"\s*[-=_*~`]{3,}\s*")


class HasReader(Protocol):
    """Settings of a join that reads values."""

    @property
    def reader(self) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """`value`: what is compared, None where nothing could be read. `shown`: the same as the
    answer wrote it. `note`: why nothing could be read, or how it was."""

    value: str | None
    shown: str = ""
    note: str = ""


def read(reader: Reader, text: str) -> Reading:
    """Read one answer; never raises for what a model or a person wrote."""
    if not text.strip():
        return Reading(None, note="the answer is empty")
    return _READERS[reader.kind](reader, text)


def value(settings: HasReader, text: str) -> str | None:
    """What is compared of an answer, by a join's own reader."""
    return read(settings.reader, text).value


def _whole_text(_: Reader, text: str) -> Reading:
    return _compared(text, "the answer holds nothing but marks")


def _last_line(_: Reader, text: str) -> Reading:
    """The last line that holds more than marks; a leading “Answer:” is left out."""
    for line in reversed(text.splitlines()):
        if normalized(line) and not _RULE.fullmatch(line):
            unlabelled = _LABEL.sub("", line, count=1) if _LABEL.match(line) else line
            return _compared(unlabelled if normalized(unlabelled) else line, "")
    return Reading(None, note="no line could be read")


def _regex(reader: Reader, text: str) -> Reading:
    """Group 1 of the last match, or the whole match where the pattern has no group."""
    pattern = _compiled(reader.pattern)
    if pattern is None:
        return Reading(None, note="the pattern is not a valid regular expression")
    found = None
    try:
        for match in pattern.finditer(text[-LONGEST_TEXT:], timeout=REGEX_TIMEOUT_S):
            found = (match[1] if pattern.groups else match[0]) or found
    except TimeoutError:
        return Reading(None, note="the pattern took too long on this answer")
    if found is None:
        return Reading(None, note="the pattern matches nowhere in it")
    return _compared(found, "what the pattern matches holds nothing but marks")


def _number(_: Reader, text: str) -> Reading:
    number = read_number(text)
    if number is None:
        return Reading(None, note="no number could be read")
    return Reading(key(written(number)), written(number))


def _choice(reader: Reader, text: str) -> Reading:
    choice, why = find_choice(text, reader.choices)
    return Reading(choice, choice or "", why)


def _json_field(reader: Reader, text: str) -> Reading:
    value, note = read_field(text, reader.field)
    if value is None:
        return Reading(None, note=note)
    reading = _compared(value, f"“{reader.field}” is empty")
    return Reading(reading.value, reading.shown, reading.note or note)


def _compared(text: str, why_empty: str) -> Reading:
    value = key(text)
    if not value:
        return Reading(None, note=why_empty)
    shown = text.strip() if "\n" in text.strip() else trimmed(text)
    return Reading(value, shown)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None


_READERS: Mapping[ReaderKind, Callable[[Reader, str], Reading]] = {
    ReaderKind.WHOLE_TEXT: _whole_text,
    ReaderKind.LAST_LINE: _last_line,
    ReaderKind.REGEX: _regex,
    ReaderKind.NUMBER: _number,
    ReaderKind.CHOICE: _choice,
    ReaderKind.JSON_FIELD: _json_field,
}
