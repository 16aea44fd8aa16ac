"""Datasets: inputs kept so that runs can read them again."""

import re
from collections.abc import Iterable, Iterator, Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from runs.domain.errors import InvalidInput
from runs.models import Dataset, DatasetItem
from runs.planning import readers
from runs.planning.inputs import GOLD
from runs.planning.readers import InputFile, Row
from runs.queries.datasets import free_name

ROWS_A_CHUNK = 1_000
LONGEST_LABEL = 200
ROW = "row."


@transaction.atomic
def create_documents(*, owner: User, name: str, files: Sequence[InputFile], text: str) -> Dataset:
    """A dataset of one document a file, or of the texts between lines of `---`.

    Raises `InvalidInput` for a taken name and for what cannot be read.
    """
    documents = [(file.name, readers.text_of(file)) for file in files]
    if text.strip():
        documents += _parted(readers.clean(text))
    if not documents:
        raise InvalidInput("Upload files, or paste a text.", "text")
    readers.refuse_large(sum(len(body) for _, body in documents), "This dataset")
    dataset = _create(owner, name, Dataset.Kind.DOCUMENTS, [])
    _fill(
        DatasetItem(
            dataset=dataset,
            position=position,
            label=label[:LONGEST_LABEL],
            fields={"document.text": body},
        )
        for position, (label, body) in enumerate(documents)
    )
    return dataset


@transaction.atomic
def create_rows(
    *, owner: User, name: str, files: Sequence[InputFile], text: str, gold: str = ""
) -> Dataset:
    """A dataset of rows; `gold` names the column of known answers, kept apart from the others
    (a column called so is taken unasked).

    Raises `InvalidInput` for a taken name, an unknown column and for what cannot be read.
    """
    rows = [row for file in files for row in readers.rows_of(file)]
    if text.strip():
        rows += readers.rows_of_text(readers.clean(text))
    if not rows:
        raise InvalidInput("Upload a table, or paste one.", "text")
    table = readers.same_columns(rows, "This dataset")
    columns = list(table[0])
    gold = gold or (GOLD if GOLD in columns else "")
    if gold and gold not in columns:
        raise InvalidInput(f"There is no such column; there are {', '.join(columns)}.", "gold")
    kept = [column for column in columns if column != gold]
    if not kept:
        raise InvalidInput("Beside the known answer there must be another column.", "gold")
    dataset = _create(owner, name, Dataset.Kind.ROWS, kept)
    _fill(_row_items(dataset, table, kept, gold))
    return dataset


def keep_uploads(*, owner: User, files: Sequence[InputFile]) -> Dataset:
    """A dataset of what was uploaded beside a configuration: rows of tables, else documents."""
    if not files:
        raise InvalidInput("Choose at least one file.", "files")
    first = files[0].name.rpartition(".")[0] or files[0].name
    others = f" and {len(files) - 1} more" if len(files) > 1 else ""
    name = free_name(owner, f"{first[:80]}{others}")
    if all(file.is_table for file in files):
        return create_rows(owner=owner, name=name, files=files, text="")
    return create_documents(owner=owner, name=name, files=files, text="")


@transaction.atomic
def delete_dataset(*, dataset: Dataset) -> None:
    """Delete a dataset. Runs keep their own copies of what they read."""
    rows = DatasetItem.objects.filter(dataset=dataset)
    rows._raw_delete(rows.db)
    dataset.delete()


def _create(owner: User, name: str, kind: str, columns: list[str]) -> Dataset:
    try:
        with transaction.atomic():
            return Dataset.objects.create(owner=owner, name=name, kind=kind, columns=columns)
    except IntegrityError:
        raise InvalidInput("You have a dataset of this name already.", "name") from None


def _row_items(
    dataset: Dataset, table: Sequence[Row], kept: list[str], gold: str
) -> Iterator[DatasetItem]:
    for position, row in enumerate(table):
        yield DatasetItem(
            dataset=dataset,
            position=position,
            label=row[kept[0]][:LONGEST_LABEL] or f"Row {position + 1}",
            fields={f"{ROW}{column}": row[column] for column in kept},
            gold=row[gold] if gold else None,
        )


def _fill(items: Iterable[DatasetItem]) -> None:
    DatasetItem.objects.bulk_create(items, batch_size=ROWS_A_CHUNK)


def _parted(text: str) -> list[tuple[str, str]]:
    parts = [part.strip() for part in re.split(r"(?m)^-{3,}[ \t]*$", text)]
    return [
        (part.split("\n", 1)[0].lstrip("# ")[:80] or f"Text {number}", part)
        for number, part in enumerate((part for part in parts if part), 1)
    ]
