"""A configuration file, pasted or uploaded."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from runs.domain.errors import InvalidInput
from runs.forms.fields import AreaField

MOST_BYTES = 8_000_000


class ImportForm(forms.Form):
    text = AreaField(label="Paste the file", rows=16, is_code=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""

    def clean(self) -> dict[str, str]:
        """The uploaded file's text, where there is one, else what was pasted."""
        given = dict(self.cleaned_data)
        if upload := self.files.get("file"):
            given["text"] = self._read(upload)
        if not given.get("text", "").strip():
            raise forms.ValidationError("Choose a file, or paste one.")
        return given

    def blame(self, errors: Iterable[InvalidInput]) -> None:
        """Each error with the path of what it is about."""
        for error in errors:
            self.add_error("text", str(error))

    def _read(self, upload: UploadedFile) -> str:
        if (upload.size or 0) > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 10**6} MB.")
        try:
            return str(upload.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8 text.") from None
