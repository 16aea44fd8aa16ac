"""A new dataset: files, or a pasted text or table."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from runs.domain.errors import InvalidInput
from runs.forms.fields import AreaField, NameField
from runs.models import Dataset
from runs.planning.readers import InputFile

MOST_BYTES = 50_000_000
MOST_FILES = 1_000
ENDINGS = (".txt", ".md", ".csv", ".jsonl", ".pdf")


class DatasetForm(forms.Form):
    name = NameField(label="Name", required=True, max_length=120)
    kind = forms.ChoiceField(
        label="It holds", choices=Dataset.Kind.choices, initial=Dataset.Kind.DOCUMENTS
    )
    text = AreaField(
        label="Or paste it",
        rows=10,
        is_code=True,
        help_text="Documents: a line of --- between two. Rows: CSV with a line of column names, "
        "or JSONL.",
    )
    gold = NameField(
        label="Column with the known answer",
        max_length=120,
        help_text="Rows only, if you have one. It is kept apart from what a prompt can name.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""

    def blame(self, invalid: InvalidInput) -> None:
        """Put what a service complains of beside its field; files have the pasted text's place."""
        field = invalid.field if invalid.field in self.fields else "text"
        self.add_error(field, invalid.message)


def uploads(files: Iterable[UploadedFile]) -> tuple[InputFile, ...]:
    """What the browser sent, read whole. Raises `InvalidInput` for too much or a strange kind."""
    found = list(files)
    if len(found) > MOST_FILES:
        raise InvalidInput(f"At most {MOST_FILES:,} files at once.", "files")
    if sum(file.size or 0 for file in found) > MOST_BYTES:
        raise InvalidInput(f"At most {MOST_BYTES // 10**6} MB at once.", "files")
    for file in found:
        if not str(file.name).lower().endswith(ENDINGS):
            kinds = ", ".join(ending[1:] for ending in ENDINGS)
            raise InvalidInput(f"“{file.name}” is of no kind that can be read: {kinds}.", "files")
    return tuple(InputFile(str(file.name), file.read()) for file in found)
