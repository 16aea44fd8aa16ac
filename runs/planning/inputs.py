"""What a person gave, pasted, uploaded or stored, as the items of a run.

Knows the split and the files' readers; makes no branches and renders nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runs.domain.errors import InvalidInput
from runs.domain.plan import Item
from runs.planning import input_rules, names, pieces, readers, splitters
from runs.planning.readers import FIELD, InputFile
from runs.planning.shape import MOST_CHILDREN, Configuration, Input

__all__ = ["Document", "InputFile", "Material", "items_from", "material_of"]

GOLD = "gold"  # this column is the known right answer; no prompt sees it
LONGEST_LABEL = 120
_SPLIT_THEM = "split by document or row instead"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_LABEL_COLUMNS = ("label", "name", "title", "id")


@dataclass(frozen=True, slots=True)
class Document:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that was given; several kinds at once are taken together, in this order."""

    text: str | None = None
    files: tuple[InputFile, ...] = ()
    rows: tuple[Mapping[str, str], ...] | None = None
    documents: tuple[Document, ...] | None = None


def material_of(given: Input | None) -> Material:
    """The input that stands in a configuration itself. `files` and `dataset` are for the caller."""
    if given is None:
        return Material()
    documents = None
    if given.documents is not None:
        documents = tuple(
            Document(document.label or f"Document {number}", document.text)
            for number, document in enumerate(given.documents, 1)
        )
    return Material(text=given.text, rows=given.rows, documents=documents)


def items_from(configuration: Configuration, material: Material) -> tuple[Item, ...]:
    """The items that branches read, from index 0. Raises `InvalidInput` at field `input`."""
    _refuse_large(material)
    by = pieces.of(configuration)
    if by is None:
        drafts = _one_input(configuration, material)
    else:
        drafts = list(_SPLITS[by](configuration, material))
    if len(drafts) > MOST_CHILDREN:
        raise _refused(
            f"This makes {len(drafts):,} branches; a run takes at most {MOST_CHILDREN:,}. "
            "Give less, or split it over several runs."
        )
    return tuple(
        Item(index, _shortened(draft.label), draft.fields, draft.gold)
        for index, draft in enumerate(drafts)
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    label: str
    fields: Mapping[str, str]
    gold: str | None = None


def _one_input(configuration: Configuration, material: Material) -> list[_Draft]:
    """The one input that every branch reads. None is needed where no prompt names it."""
    if not _is_given(material) and not names.uses_input(configuration):
        return [_Draft("Input", {"input": ""})]
    if material.rows and not material.documents:
        drafts = list(_by_row(configuration, material))
    else:
        drafts = list(_by_document(configuration, material))
    if len(drafts) > 1:
        what = "Voting asks" if configuration.pattern == "voting" else "Different prompts read"
        raise _refused(
            f"{what} one input, not {len(drafts):,}: give one text or file, or "
            + ("set each.by to vote on each" if configuration.pattern == "voting" else _SPLIT_THEM)
        )
    only = drafts[0]
    return [_Draft(only.label, {"input": only.fields["input"]}, only.gold)]


def _by_document(_: Configuration, material: Material) -> Iterator[_Draft]:
    for document in _documents(material):
        fields = {"document.text": document.text, "document.label": document.label}
        yield _Draft(document.label, {**fields, "input": document.text})


def _by_chunk(configuration: Configuration, material: Material) -> Iterator[_Draft]:
    documents = _documents(material)
    for document in documents:
        parts = splitters.chunks(document.text, pieces.chunk_tokens(configuration))
        whole = f"{document.label} · " if len(documents) > 1 else ""
        for number, part in enumerate((part for part in parts if part.strip()), 1):
            title = splitters.heading(part)
            label = f"{whole}Chunk {number}" + (f" · {title}" if title else "")
            text = part.strip("\n")
            yield _Draft(label, {"chunk.text": text, "chunk.label": label, "input": text})


def _by_line(_: Configuration, material: Material) -> Iterator[_Draft]:
    found = [line for document in _documents(material) for line in splitters.lines(document.text)]
    yield from _numbered(found)


def _by_list_item(_: Configuration, material: Material) -> Iterator[_Draft]:
    texts = [document.text for document in _documents(material)]
    found = [item for text in texts for item in splitters.list_items(text)]
    if not found:
        raise _refused(
            "No list items were found: begin each with -, * or 1., or split by line instead"
        )
    yield from _numbered(found)


def _by_row(configuration: Configuration, material: Material) -> Iterator[_Draft]:
    rows = _rows(material)
    gold = _gold_column(configuration, rows)
    for number, row in enumerate(rows, 1):
        shown = {column: value for column, value in row.items() if column != gold}
        if not shown:
            raise _refused(f"The rows have no column besides {gold}: there is nothing to ask about")
        whole = _as_json(shown)
        fields = {"row.text": whole, **{f"row.{name}": value for name, value in shown.items()}}
        label = next((shown[name] for name in _LABEL_COLUMNS if shown.get(name, "").strip()), "")
        yield _Draft(label or f"Row {number}", {**fields, "input": whole}, row.get(gold) or None)


def _gold_column(configuration: Configuration, rows: Sequence[Mapping[str, str]]) -> str:
    """The column of right answers: the one that is named, else the one called so."""
    named = configuration.input.gold if configuration.input else None
    if named is None:
        return GOLD
    if named not in rows[0]:
        raise input_rules.no_column(named, tuple(rows[0]))
    return named


_SPLITS: Mapping[str, Callable[[Configuration, Material], Iterator[_Draft]]] = {
    "document": _by_document,
    "chunks": _by_chunk,
    "line": _by_line,
    "list": _by_list_item,
    "row": _by_row,
}


def _numbered(texts: Sequence[str]) -> Iterator[_Draft]:
    for number, text in enumerate(texts, 1):
        yield _Draft(f"{number} · {text}", {"line.text": text, "input": text})


def _documents(material: Material) -> list[Document]:
    """All texts that were given. Raises for rows, for an empty one and for none at all."""
    if material.rows:
        raise _refused("Rows were given: set split.by to row, or give texts or files instead")
    documents = []
    if material.text and material.text.strip():
        documents.append(Document("Pasted text", readers.clean(material.text)))
    documents += [
        Document(readers.clean(document.label), readers.clean(document.text))
        for document in material.documents or ()
    ]
    documents += [Document(file.name, readers.text_of(file)) for file in material.files]
    if not documents:
        raise _refused("The input is empty: paste text, upload files or choose a data set")
    for document in documents:
        if not document.text.strip():
            raise _refused(f"“{_shortened(document.label)}” is empty: remove it, or fill it")
    _refuse_sum(len(document.text) for document in documents)
    return documents


def _rows(material: Material) -> tuple[Mapping[str, str], ...]:
    rows: list[Mapping[str, str]] = list(material.rows or ())
    if material.text and material.text.strip():
        rows += readers.rows_of_text(readers.clean(material.text))
    if material.documents:
        raise _refused("Documents were given: set split.by to document, or give rows instead")
    for file in material.files:
        rows += readers.rows_of(file)
    if not rows:
        raise _refused("The input is empty: give rows, a csv or a jsonl file")
    rows_alike = readers.same_columns(rows, "The input")
    _refuse_sum(sum(map(len, row.values())) for row in rows_alike)
    return rows_alike


def _is_given(material: Material) -> bool:
    return bool(
        (material.text and material.text.strip())
        or material.files
        or material.rows
        or material.documents
    )


def _refuse_large(material: Material) -> None:
    """Before anything is read: sizes alone."""
    if material.text:
        readers.refuse_large(len(material.text), "The pasted text")
    for document in material.documents or ():
        readers.refuse_large(len(document.text), f"“{_shortened(document.label)}”")
    if len(material.files) > MOST_CHILDREN:
        raise _refused(f"{len(material.files):,} files; at most {MOST_CHILDREN:,} are taken")


def _refuse_sum(sizes: Iterator[int]) -> None:
    readers.refuse_large(sum(sizes), "The input")


def _shortened(label: str) -> str:
    plain = " ".join(label[: 4 * LONGEST_LABEL].split())
    return plain if len(plain) <= LONGEST_LABEL else plain[: LONGEST_LABEL - 1].rstrip() + "…"


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, FIELD)
