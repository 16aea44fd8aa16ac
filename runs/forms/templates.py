"""A prompt template's new version, and the sample values of its preview."""

from collections.abc import Iterable
from typing import Any

from django import forms

from runs.forms.fields import AreaField, NameField
from runs.models import TemplateVersion


class TemplateForm(forms.Form):
    name = NameField(label="Name", required=True, max_length=120)
    text = AreaField(
        label="Prompt",
        rows=10,
        is_code=True,
        help_text="{{ document.text }}, {{ row.title }} or {{ input }} stand for the input.",
    )
    system = AreaField(label="System prompt", rows=2, help_text="May stay empty.")
    note = NameField(label="What changed", max_length=200, help_text="A few words, if you like.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""

    @classmethod
    def of(cls, version: TemplateVersion) -> "TemplateForm":
        return cls(
            initial={
                "name": version.template.name,
                "text": version.text,
                "system": version.system,
            }
        )


class SampleForm(forms.Form):
    """One value for each name that a template uses."""

    def __init__(self, names: Iterable[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for name in names:
            self.fields[f"value:{name}"] = AreaField(label=name, rows=2)

    def values(self) -> dict[str, str]:
        """By name; a value left empty is shown as its name in angle brackets."""
        self.is_valid()
        typed = getattr(self, "cleaned_data", {})
        return {
            key.removeprefix("value:"): typed.get(key) or f"‹{key.removeprefix('value:')}›"
            for key in self.fields
        }


def name_error(form: forms.Form, field: str, message: str) -> None:
    """Put a service's complaint beside its field, or above the form."""
    form.add_error(field if field in form.fields else None, message)
