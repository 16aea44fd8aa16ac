"""Reading the list that an answer gives: one item a line, commas, or JSON of texts or objects.

Knows nothing of joins. Two items are one where their keys are equal.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runs.aggregation import jsontext
from runs.aggregation.normalize import folded, normalized, plain, trimmed
from runs.aggregation.normalize import key as short
from runs.domain.joins import ItemReader, ItemsKind

LONGEST_TEXT = 1_000_000  # characters; a longer answer is not read, since its end would be lost
MOST_ITEMS = 10_000  # of one answer
LONGEST_KEY = 400  # characters compared as they are; of a longer item a digest stands for the rest
BETWEEN_FIELDS = "\x1f"  # in keys; normalised texts hold no control characters
_NOTHING = frozenset(
    {"none", "nothing", "empty", "n/a", "[]", "{}", "null", "no items", "none found", "no item",
     "nothing found", "no items found", "empty list", "there are none", "there are no items"}
)  # fmt: skip
_MARK = re.compile(
    r"\s*(?:[-*+•·▪◦‣●○–—]\s+(?:\[[ xX]?\]\s+)?|\d{1,4}[.)]\s+|\(?(?:\d{1,4}|[a-zA-Z])\)\s+)"
)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[\w-]*\s*")
_FENCED = re.compile(r"^[ \t]*`{3,}[^\n`]*\n(.*?)^[ \t]*`{3,}", re.DOTALL | re.MULTILINE)
_RULE = re.compile(r"\s*(?:[-=_*~]\s*){3,}")
_HEADING = re.compile(r"\s*#{1,6}\s+\S.*")
_LABEL = re.compile(
    r"[*_\s]*(?:the\s+)?(?:final\s+)?answer[*_\s]*(?:is\b[*_\s]*:?|:)\s*", re.IGNORECASE
)
_COMMA = re.compile(
    r"(?<![^\s,;])\"[^\"]*\"|\([^()]*\)|\[[^\[\]]*\]|(?P<number>\d(?:,\d{3})+(?!\d))|[,;\n]"
)
_AND = re.compile(r"(?:and|or|&)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """`key`: what is compared. `text`: the item on one line. `fields`: an object's, else None."""

    key: str
    text: str
    fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ItemList:
    """`items`: in the order of the answer, None where no list could be read; an empty list is one.
    `note`: why there is none, or what of it was left out."""

    items: tuple[Item, ...] | None
    note: str = ""

    @property
    def short(self) -> str | None:
        """`7 items`, for a table; None where no list could be read."""
        if self.items is None:
            return None
        count = len(self.items)
        return f"{count:,} item{'' if count == 1 else 's'}" if count else "no items"


def read(reader: ItemReader, text: str) -> ItemList:
    """Read one answer; never raises for what a model or a person wrote."""
    if not text.strip():
        return ItemList(None, "the answer is empty")
    if len(text) > LONGEST_TEXT:
        return ItemList(None, f"the answer is longer than {LONGEST_TEXT:,} characters")
    found = _READERS[reader.kind](reader, text)
    if found.items is None or len(found.items) <= MOST_ITEMS:
        return found
    return ItemList(found.items[:MOST_ITEMS], f"only its first {MOST_ITEMS:,} items are counted")


def written(items: Iterable[Item], *, as_json: bool) -> str:
    """The items as one text: one a line, or a JSON array that holds each object whole."""
    if not as_json:
        return "\n".join(item.text for item in items)
    values = (item.text if item.fields is None else dict(item.fields) for item in items)
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"


def hits(reader: ItemReader, value: str, gold: str) -> tuple[int, int, int]:
    """How many items of a join's value are in the gold list, how many it has, how many gold has:
    hits ÷ the second is the precision, hits ÷ the third the recall. Both lists may be JSON arrays
    or one item a line, whatever the answers were."""
    return _compared(_keys(reader, value), _keys(reader, gold))


def answer_hits(reader: ItemReader, answer: str, gold: str) -> tuple[int, int, int]:
    """The same for one answer, read as the join reads it; an unreadable one has no items."""
    listed = read(reader, answer).items
    return _compared(frozenset(item.key for item in listed or ()), _keys(reader, gold))


def _compared(found: frozenset[str], wanted: frozenset[str]) -> tuple[int, int, int]:
    return len(found & wanted), len(found), len(wanted)


def _keys(reader: ItemReader, text: str) -> frozenset[str]:
    kind = ItemsKind.JSON if text.lstrip().startswith(("[", "{")) else ItemsKind.LINES
    listed = read(ItemReader(kind, key=reader.key), text).items or ()
    if reader.kind is ItemsKind.JSON:
        return frozenset(item.key for item in listed)
    return frozenset(item.key if item.fields is not None else _key(item.text) for item in listed)


# One item a line


def _lines(_: ItemReader, text: str) -> ItemList:
    lines = _plain_lines(text)
    marks = [_MARK.match(line) for line in lines]
    # Behind “Here they are:” and a bullet, a line without a bullet is talk.
    is_introduced = any(
        _is_intro(line) and mark is None and follower is not None
        for line, mark, follower in zip(lines, marks, marks[1:], strict=False)
    )
    return _texts(
        line[mark.end() :] if mark else line
        for line, mark in zip(lines, marks, strict=True)
        if mark or not (is_introduced or _is_intro(line))
    )


def _plain_lines(text: str) -> list[str]:
    """Lines that hold anything, without code fences, headings and rules, and made plain: a bullet
    behind a zero-width space is a bullet."""
    lines = (plain(line) for line in text.splitlines() if not _is_frame(line))
    return [line for line in lines if line.strip()]


def _is_intro(line: str) -> bool:
    return line.rstrip(" *_").endswith(":")


def _is_frame(line: str) -> bool:
    return bool(_FENCE.fullmatch(line) or _RULE.fullmatch(line) or _HEADING.fullmatch(line))


# Items between commas


def _commas(_: ItemReader, text: str) -> ItemList:
    lines = _plain_lines(text)
    joined = "\n".join(lines).strip().removesuffix(".")
    label = _LABEL.match(joined)
    parts = list(_split(joined[label.end() :] if label else joined))
    if len(parts) > 1:
        parts[-1] = _AND.sub("", parts[-1].strip(), count=1)
    return _texts(parts)


def _split(text: str) -> Iterator[str]:
    """At commas, semicolons and line ends, but not inside quotes, brackets or numbers."""
    start = 0
    for match in _COMMA.finditer(text):
        if match[0] in {",", ";", "\n"}:
            yield text[start : match.start()]
            start = match.end()
    yield text[start:]


def _texts(texts: Iterable[str]) -> ItemList:
    read_items = (item for item in map(_text_item, texts) if item is not None)
    found = tuple(islice(read_items, MOST_ITEMS + 1))
    if len(found) == 1 and found[0].key in _NOTHING:
        return ItemList(())
    return ItemList(found) if found else ItemList(None, "no item could be read")


def _text_item(text: str) -> Item | None:
    compared = _key(text)
    return Item(compared, trimmed(text)) if compared else None


def _stated_item(text: str) -> Item | None:
    """An item that JSON marks off: nothing around it is formatting."""
    compared = folded(text)
    compared = compared if len(compared) <= LONGEST_KEY else short(text)
    return Item(compared, " ".join(plain(text).split())) if compared else None


def _key(text: str) -> str:
    whole = normalized(text)
    return whole if len(whole) <= LONGEST_KEY else short(text)


# JSON


def _json(reader: ItemReader, text: str) -> ItemList:
    values, note = _array(reader, text)
    if values is None:
        is_nothing = len(text) < 100 and normalized(text) in _NOTHING
        return ItemList(() if is_nothing else None, "" if is_nothing else note)
    found = [_json_item(reader, value) for value in values[: MOST_ITEMS + 1]]
    known = tuple(item for item in found if item is not None)
    if known or not found:
        left_out = len(found) - len(known)
        what = f"no “{'” or “'.join(reader.key)}”" if reader.key else "nothing in them"
        return ItemList(known, f"{left_out:,} of its items left out: {what}" if left_out else "")
    return ItemList(None, "none of its items could be read")


def _array(reader: ItemReader, text: str) -> tuple[Sequence[Any] | None, str]:
    """The last list of the answer, those in code fences before others."""
    is_cut = False
    for place in (*reversed([match[1] for match in _FENCED.finditer(text)]), text):
        found = list(jsontext.segments(place))
        is_cut = bool(found) and found[-1] is None
        last = [segment for segment in found if segment is not None][-MOST_ITEMS - 1 :]
        values = [jsontext.strict(segment) for segment in last]
        listed = _last_list(reader, values)
        if listed is not None and not is_cut:
            return listed, ""
    if is_cut:
        return None, "its JSON is cut before its end"
    return None, f"its JSON has no list “{reader.field}”" if reader.field else "it has no JSON list"


def _last_list(reader: ItemReader, values: Sequence[Any]) -> Sequence[Any] | None:
    lists = [found for found in (_list_in(reader, value) for value in values) if found is not None]
    named = [found for found in lists if not found or any(map(_is_named, found))]
    if lists:
        return (named or lists)[-1]  # `[1]` behind a list of texts is a footnote
    rows = [value for value in values if isinstance(value, dict) and _has_key(reader, value)]
    return rows or None


def _list_in(reader: ItemReader, value: Any) -> Sequence[Any] | None:
    """The list itself, the one at the reader's field, or the only one that an object holds."""
    if reader.field:
        inner = jsontext.at(value, reader.field)
        return inner if isinstance(inner, list) else None
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or _has_key(reader, value):
        return None
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    return lists[0] if len(lists) == 1 else None


def _is_named(value: Any) -> bool:
    return isinstance(value, str | dict)


def _has_key(reader: ItemReader, value: Mapping[str, Any]) -> bool:
    return bool(reader.key) and all(
        jsontext.at(value, name) not in (jsontext.ABSENT, None) for name in reader.key
    )


def _json_item(reader: ItemReader, value: Any) -> Item | None:
    if not isinstance(value, dict):
        text = jsontext.as_text(value)
        return None if text is None else _stated_item(text)
    if not reader.key:
        return Item(_key(jsontext.comparable(value)), _one_line(value), value) if value else None
    if not _has_key(reader, value):
        return None
    texts = [jsontext.as_text(jsontext.at(value, name)) or "" for name in reader.key]
    keys = [_key(text) for text in texts]
    shown = " | ".join(map(trimmed, texts))
    return Item(BETWEEN_FIELDS.join(keys), shown, value) if any(keys) else None


def _one_line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


_READERS: Mapping[ItemsKind, Callable[[ItemReader, str], ItemList]] = {
    ItemsKind.LINES: _lines,
    ItemsKind.COMMAS: _commas,
    ItemsKind.JSON: _json,
}
