"""Form fields for values that a configuration holds as lists, numbers or JSON.

`show` turns a configuration's value into what the control shows; `clean` turns that back.
"""

import json
import re
from typing import Any

from django import forms

ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
UNESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def escape(text: str) -> str:
    """Line breaks and tabs as `\\n` and `\\t`, so that one line shows them."""
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def unescape(text: str) -> str:
    return re.sub(r"\\([nrt\\])", lambda found: UNESCAPES[found[1]], text)


class TextField(forms.CharField):
    """Text kept as it was typed, with line breaks as files have them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "strip": False, **kwargs})

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n").replace("\r", "\n")

    def show(self, value: Any) -> Any:
        return "" if value is None else value


class NameField(TextField):
    """A name or word: blanks around it do not count."""

    def to_python(self, value: Any) -> str:
        return super().to_python(value).strip()


class AreaField(TextField):
    """Text of several lines."""

    def __init__(self, *, rows: int = 6, is_code: bool = False, **kwargs: Any) -> None:
        attrs = {"rows": str(rows), "spellcheck": "true"}
        if is_code:
            attrs |= {"class": "code", "spellcheck": "false"}
        super().__init__(widget=forms.Textarea(attrs=attrs), **kwargs)


class EscapedField(TextField):
    """One line that may stand for several."""

    def show(self, value: Any) -> str:
        return escape(value or "")

    def to_python(self, value: Any) -> str:
        return unescape(super().to_python(value))


class LinesField(AreaField):
    """A list of short texts, one a line; blanks around them do not count."""

    def show(self, value: Any) -> str:
        return "\n".join(value or [])

    def clean(self, value: Any) -> Any:
        lines = super().clean(value).split("\n")
        return [line.strip() for line in lines if line.strip()]


class EscapedLinesField(AreaField):
    """A list of texts kept to the letter, one a line, line breaks written as `\\n`."""

    def show(self, value: Any) -> str:
        return "\n".join(escape(text) for text in value or [])

    def clean(self, value: Any) -> Any:
        return [unescape(line) for line in super().clean(value).split("\n") if line]


class NumbersField(TextField):
    """Numbers with commas between them."""

    def show(self, value: Any) -> str:
        return ", ".join(str(number).removesuffix(".0") for number in value or [])

    def clean(self, value: Any) -> Any:
        parts = [part for part in re.split(r"[,;\s]+", super().clean(value)) if part]
        try:
            return [float(part) for part in parts]
        except ValueError:
            raise forms.ValidationError(
                "Write numbers with commas between, such as 0.2, 0.7."
            ) from None


class PairsField(AreaField):
    """Models to ask in turn, one `connection / model` a line."""

    def show(self, value: Any) -> str:
        return "\n".join(f"{pair['connection']} / {pair['model']}" for pair in value or [])

    def clean(self, value: Any) -> Any:
        lines = [line for line in super().clean(value).split("\n") if line.strip()]
        if any(" / " not in line for line in lines):
            raise forms.ValidationError("Write one “connection / model” a line.")
        pairs = [line.split(" / ", 1) for line in lines]
        return [{"connection": left.strip(), "model": right.strip()} for left, right in pairs]


class JsonField(AreaField):
    """JSON, or nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(is_code=True, **kwargs)

    def show(self, value: Any) -> str:
        return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is not valid JSON: {error}") from None


class ObjectField(JsonField):
    """A JSON object; nothing is the empty one."""

    def show(self, value: Any) -> str:
        return super().show(value or None)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or {}


class WeightsField(AreaField):
    """Weights by name, one `voter = weight` a line."""

    def show(self, value: Any) -> str:
        return "\n".join(
            f"{voter} = {str(weight).removesuffix('.0')}" for voter, weight in (value or {}).items()
        )

    def clean(self, value: Any) -> Any:
        weights = {}
        for line in super().clean(value).split("\n"):
            voter, _, weight = line.rpartition("=")
            if not line.strip():
                continue
            try:
                weights[voter.strip()] = float(weight)
            except ValueError:
                raise forms.ValidationError("Write one “voter = weight” a line.") from None
            if not voter.strip():
                raise forms.ValidationError("Write one “voter = weight” a line.")
        return weights


class SupportField(NameField):
    """A whole number, or one of two words; nothing leaves the configuration's own."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return int(text) if text.isdecimal() and len(text) < 10 else text or None


class WholeField(forms.IntegerField):
    """A whole number, or nothing. What is allowed, the configuration says."""

    def __init__(self, *, least: int, most: int | None = None, **kwargs: Any) -> None:
        attrs = {"min": str(least), "inputmode": "numeric"} | ({"max": str(most)} if most else {})
        super().__init__(required=False, widget=forms.NumberInput(attrs=attrs), **kwargs)

    def show(self, value: Any) -> Any:
        return value


class DecimalField(forms.FloatField):
    """A number, or nothing."""

    def __init__(self, *, least: float = 0, most: float | None = None, **kwargs: Any) -> None:
        attrs = {"min": str(least), "step": "any", "inputmode": "decimal"}
        attrs |= {"max": str(most)} if most else {}
        super().__init__(required=False, widget=forms.NumberInput(attrs=attrs), **kwargs)

    def show(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value


class TickField(forms.BooleanField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def show(self, value: Any) -> Any:
        return bool(value)


class OneOfField(NameField):
    """One of several; whether it is allowed, the configuration says."""

    def __init__(self, *, choices: list[tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(widget=forms.Select(choices=choices or []), **kwargs)

    def offer(self, choices: list[tuple[str, str]], current: str = "") -> None:
        """Offer these, and whatever is chosen now even if it is gone."""
        known = {value for value, _ in choices}
        gone = [(current, f"{current} (not found)")] if current and current not in known else []
        self.widget.choices = [*choices, *gone]
