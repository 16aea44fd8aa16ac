"""The join-first editor's form: accepts exactly what a configuration file may say."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.http import QueryDict

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.joins import JoinSettings
from runs.forms.controls import CARDS, FIELDS, PROMPT_FIELDS
from runs.forms.paths import field_of, flat, join_spec, nested
from runs.planning import configuration as configurations
from runs.planning.configuration import Configuration
from runs.planning.shape import MOST_PROMPTS

CALL_DETAILS = ("top_p", "seed", "stop", "json_schema", "accept_cut")


@dataclass(frozen=True, slots=True)
class PromptRow:
    """The names of one prompt's fields, for the page."""

    index: int
    name: str
    role: str
    template: str
    system: str
    text: str
    json_schema: str
    has_system: bool
    has_schema: bool

    @property
    def number(self) -> int:
        return self.index + 1


class ConfigurationForm(forms.Form):
    """Bound with a browser's data, or with a configuration's (`of`). After `is_valid` it has the
    parsed `configuration`, or every error beside the field it is about."""

    configuration: Configuration
    upload_error = ""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.label_suffix = ""
        self.prompts = _count_prompts(data)
        self.fields = {name: make() for name, make in FIELDS.items()}
        for number in range(self.prompts):
            for key, make in PROMPT_FIELDS.items():
                self.fields[f"prompts.{number}.{key}"] = make()
        for name in CARDS.keys() & self.fields.keys():
            self.fields[name].widget = forms.HiddenInput()

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "ConfigurationForm":
        """The form that shows a configuration's dict."""
        return cls(flat(spec))

    def quiet(self) -> "ConfigurationForm":
        """The same form before anything is said against it."""
        form = ConfigurationForm(self.data)
        form.upload_error = self.upload_error
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # Django's, not in its stubs
        form.cleaned_data = {}
        return form

    def offer(
        self,
        *,
        connections: Iterable[str],
        templates: list[tuple[str, str]],
        datasets: Iterable[str],
    ) -> None:
        """What the person's own selects offer."""
        names = [(name, name) for name in connections]
        if own := self.value("provider.name"):
            names.append((str(own), f"{own} (of this configuration)"))
        self._offer("call.connection", names)
        for name in self.fields:
            if name.endswith(("merge.connection", ".judge.connection")):
                self._offer(name, [("", "The branches’"), *names])
        self._offer("input.dataset", [("", "Choose…"), *((name, name) for name in datasets)])
        for number in range(self.prompts):
            self._offer(f"prompts.{number}.template", [("", "Written here"), *templates])

    def value(self, name: str) -> Any:
        return self[name].value()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            self._parse(values)
        return values

    def _parse(self, values: Mapping[str, Any]) -> None:
        try:
            self.configuration = configurations.parse(nested(values, self.prompts))
        except InvalidConfiguration as invalid:
            self.blame(invalid.errors)
        except InvalidInput as invalid:
            self.blame([invalid])

    def blame(self, errors: Iterable[InvalidInput]) -> None:
        """Put each error beside the field it is about."""
        method = str(self.value("join.method") or "")
        each_method = str(self.value("each.join.method") or "")
        for error in errors:
            name = field_of(error.field, method, set(self.fields), each_method)
            self.add_error(name, error.message)

    def summary(self) -> list[tuple[str, str, str]]:
        """All errors for the list above the form: (id of the control, its label, message)."""
        entries: list[tuple[str, str, str]] = []
        for name, errors in self.errors.items():
            field = self[name] if name in self.fields else None
            where = (field.auto_id, str(field.label)) if field else ("", "")
            entries += [(*where, str(message)) for message in errors]
        return entries

    def join_alone(self) -> JoinSettings:
        """The join's settings, whatever else is missing. Raises `InvalidConfiguration` with what
        is wrong with them, beside the form's own fields."""
        self.is_valid()
        method = str(self.value("join.method") or "")
        unread = [
            InvalidInput(str(message), name)
            for name, messages in self.errors.items()
            if name not in self.cleaned_data and name.startswith((f"{method}.", "join."))
            for message in messages
        ]
        if unread:
            raise InvalidConfiguration(unread)
        return configurations.parse_join(join_spec(self.cleaned_data))

    def labelled(self, errors: Iterable[InvalidInput]) -> list[tuple[str, str, str]]:
        """Errors as `summary` has them, without putting them into the form."""
        method, names = str(self.value("join.method") or ""), set(self.fields)
        entries = []
        for error in errors:
            name = field_of(error.field, method, names) or "join.method"
            entries.append((self[name].auto_id, str(self[name].label), error.message))
        return entries

    @property
    def prompt_rows(self) -> list[PromptRow]:
        rows = []
        for number in range(self.prompts):
            names = {key: f"prompts.{number}.{key}" for key in PROMPT_FIELDS}
            has_system = bool(self.value(names["system"]))
            has_schema = bool(self.value(names["json_schema"]))
            rows.append(
                PromptRow(index=number, has_system=has_system, has_schema=has_schema, **names)
            )
        return rows

    @property
    def has_inline(self) -> bool:
        return self.value("input.kind") == "inline" or bool(self.value("input.inline"))

    @property
    def has_provider(self) -> bool:
        return bool(self.value("provider.name"))

    @property
    def has_weights(self) -> bool:
        return bool(self.value("majority.weights"))

    @property
    def has_each_weights(self) -> bool:
        return bool(self.value("each.majority.weights"))

    @property
    def has_waves(self) -> bool:
        return str(self.value("votes.wave_least")) != "1" or bool(self.value("votes.wave_most"))

    @property
    def has_call_details(self) -> bool:
        return any(self.value(f"call.{key}") not in (None, "", False) for key in CALL_DETAILS)

    @property
    def votes_models_id(self) -> str:
        return str(self["votes.models"].auto_id)

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field: Any = self.fields[name]  # a choice of ours, which can be offered options late
        field.offer(choices, str(self.value(name) or ""))


def with_prompt(data: QueryDict) -> QueryDict:
    """The data with one more, empty prompt."""
    changed = data.copy()
    number = min(_count_prompts(data), MOST_PROMPTS - 1)
    for key in PROMPT_FIELDS:
        changed[f"prompts.{number}.{key}"] = ""
    changed[f"prompts.{number}.role"] = "guard" if data.get("join.method") == "gate" else "section"
    return changed


def without_prompt(data: QueryDict, gone: int) -> QueryDict:
    """The data without prompt `gone`; those after it move up."""
    changed = data.copy()
    count = _count_prompts(data)
    for number in range(gone, count):
        for key in PROMPT_FIELDS:
            following = data.get(f"prompts.{number + 1}.{key}", "")
            changed[f"prompts.{number}.{key}"] = following
    for key in PROMPT_FIELDS:
        changed.pop(f"prompts.{max(count - 1, 1)}.{key}", None)
    return changed


def _count_prompts(data: Mapping[str, Any]) -> int:
    """Prompts are numbered from 0 without a hole; there is always one."""
    numbers = {int(found[1]) for key in data if (found := re.match(r"prompts\.(\d{1,3})\.", key))}
    count = next(n for n in range(MOST_PROMPTS + 1) if n not in numbers or n == MOST_PROMPTS)
    return max(count, 1)
