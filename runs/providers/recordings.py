"""A file of recorded samples: JSONL, one question a line. Read once, a line parsed when needed.

Knows nothing of calls; `replay` answers from it.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from runs.domain.errors import InvalidInput

MOST_BYTES = 50_000_000
LONGEST_LINE = 10_000_000  # bytes
MOST_PARSED = 1_024  # questions kept parsed
FIELD = "recording"


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded answer. `text` empty: none could be read. `tokens`: of its output."""

    text: str
    tokens: int | None


Samples = tuple[Sample, ...]


class Recording:
    """The questions of a file, found by their `question_id` or their whole `question`."""

    def __init__(self, lines: Mapping[str, bytes], models: tuple[str, ...], samples: int) -> None:
        self._lines = lines
        self._parsed: OrderedDict[str, Samples] = OrderedDict()
        self.models = models
        self.questions = len(set(map(id, lines.values())))
        self.samples = samples

    def samples_of(self, question: str) -> Samples | None:
        """The samples in recorded order; None where the question is not in the file."""
        found = self._parsed.get(question)
        if found is not None:
            self._parsed.move_to_end(question)
            return found
        line = self._lines.get(question)
        if line is None:
            return None
        found = self._parsed[question] = _samples(json.loads(line))
        if len(self._parsed) > MOST_PARSED:
            self._parsed.popitem(last=False)
        return found


def read(path: Path) -> Recording:
    """Raises `InvalidInput` that names the line, `OSError` where the file cannot be read."""
    with path.open("rb") as file:
        return read_lines(_bounded_lines(file))


def read_lines(lines: Iterable[bytes]) -> Recording:
    by_id: dict[str, bytes] = {}
    by_text: dict[str, bytes | None] = {}  # None: several questions have this text
    models: dict[str, None] = {}
    count = size = 0
    for number, line in enumerate(lines, 1):
        size += len(line)
        if size > MOST_BYTES:
            raise refused(f"a recording holds at most {MOST_BYTES // 10**6} MB", number)
        if not line.strip():
            continue
        entry = _entry(line, number)
        name = str(entry["question_id"]).strip()
        if name in by_id:
            raise refused(f"the question_id “{name[:80]}” stands here a second time", number)
        by_id[name] = line
        text = str(entry.get("question") or "").strip()
        if text:
            by_text[text] = None if text in by_text else line
        if entry.get("model"):
            models[str(entry["model"])[:120]] = None
        count += len(entry["samples"])
    if not by_id:
        raise InvalidInput("The recording holds no question.", FIELD)
    only = {text: line for text, line in by_text.items() if line is not None}
    return Recording({**only, **by_id}, tuple(islice(models, 50)), count)


def refused(why: str, line: int) -> InvalidInput:
    return InvalidInput(f"Line {line:,}: {why}.", FIELD)


def _bounded_lines(file: BinaryIO) -> Iterable[bytes]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise refused(f"longer than {LONGEST_LINE // 10**6} MB", number)
        yield line


def _entry(line: bytes, number: int) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise refused("this is no JSON; each line must be one object", number) from None
    if not isinstance(entry, dict):
        raise refused("must be an object with question_id and samples", number)
    if isinstance(entry.get("question_id"), bool | None | dict | list | float):
        raise refused("question_id must be a text or a whole number", number)
    if not str(entry["question_id"]).strip():
        raise refused("question_id is empty", number)
    samples = entry.get("samples")
    if not isinstance(samples, list) or not samples:
        raise refused("samples must be a list that is not empty", number)
    for place, sample in enumerate(samples, 1):
        _check_sample(sample, place, number)
    return entry


def _check_sample(sample: object, place: int, number: int) -> None:
    if not isinstance(sample, dict):
        raise refused(f"sample {place} must be an object", number)
    if not {"answer", "items", "text"} & sample.keys():
        raise refused(f"sample {place} has no answer, items or text", number)
    if not isinstance(sample.get("items", []), list):
        raise refused(f"the items of sample {place} must be a list", number)
    tokens = sample.get("tokens")
    is_count = isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 2**31
    if tokens is not None and not is_count:
        raise refused(f"the tokens of sample {place} must be a whole number", number)


def _samples(entry: Mapping[str, Any]) -> Samples:
    return tuple(Sample(_text(sample), sample.get("tokens")) for sample in entry["samples"])


def _text(sample: Mapping[str, Any]) -> str:
    """The whole text where it is there, else the answer, or the items as a JSON array. An answer
    that could not be read is none, whatever its text."""
    answer = _written(sample["answer"]) if "answer" in sample else None
    if answer is not None and not answer.strip():
        return ""
    text = sample.get("text") or answer
    if text is None and "items" in sample:
        text = json.dumps(sample["items"], ensure_ascii=False)
    return _fit(_written(text))


def _written(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fit(text: str) -> str:
    """Without what no database takes: NUL and halves of characters."""
    clean = text.replace("\x00", "")
    return clean if clean.isascii() else clean.encode("utf-8", "replace").decode("utf-8")
