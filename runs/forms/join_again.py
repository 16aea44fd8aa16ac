"""The form that joins an ended run's answers again: the editor's controls of joins, no others."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms.utils import ErrorDict

from runs.domain.errors import InvalidConfiguration
from runs.forms.configuration import ConfigurationForm
from runs.forms.controls import CARDS, FIELDS
from runs.forms.paths import flat, join_spec
from runs.planning import again
from runs.planning.shape import JOINS

POLICY = ("on_failure.policy", "on_failure.least")
EACH_POLICY = ("each.on_failure.policy", "each.on_failure.least")


class JoinAgainForm(ConfigurationForm):
    """`spec` is the run's frozen configuration. After `is_valid` it has the `changes` that a pass
    would make of it, or every error beside the field it is about."""

    changes: dict[str, Any]

    def __init__(self, data: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
        forms.Form.__init__(self, data)
        self.label_suffix = ""
        self.prompts = 0
        self.spec = spec
        self.is_nested = bool(spec.get("each"))
        self.fields = {name: FIELDS[name]() for name in _names(self.is_nested)}
        for name in CARDS.keys() & self.fields.keys():
            self.fields[name].widget = forms.HiddenInput()

    @classmethod
    def showing(cls, spec: Mapping[str, Any], counted: Mapping[str, Any]) -> "JoinAgainForm":
        """The form with the settings that count now, before anything is said against them."""
        return cls(flat(counted), spec)

    def quiet(self) -> "JoinAgainForm":
        form = JoinAgainForm(self.data, self.spec)
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # Django's, not in its stubs
        form.cleaned_data = {}
        return form

    @property
    def methods(self) -> tuple[str, ...]:
        """What the run's answers can be joined by: a gate needs its guards, and only a gate has
        any."""
        is_gate = self.spec["join"]["method"] == "gate"
        return ("gate",) if is_gate else tuple(name for name in JOINS if name != "gate")

    @property
    def policies(self) -> tuple[str, ...]:
        """Nothing is left to stop: only a run that was to stop at a failure still says so."""
        asked = ("all", "at_least", "mark_gaps")
        chosen = str(self.value("on_failure.policy"))
        return asked if chosen in asked else (chosen, *asked)

    def value(self, name: str) -> Any:
        """Nothing for a control that this form has not."""
        return super().value(name) if name in self.fields else None

    def offer_models(self, connections: Iterable[str]) -> None:
        """What the selects of connections offer."""
        names = [("", "The branches’"), *((name, name) for name in connections)]
        for name in self.fields:
            if name.endswith(("merge.connection", ".judge.connection")):
                self._offer(name, names)

    def _parse(self, values: Mapping[str, Any]) -> None:
        self.changes = _changes(values, is_nested=self.is_nested)
        try:
            self.configuration = again.changed(self.spec, self.changes)
        except InvalidConfiguration as invalid:
            self.blame(invalid.errors)


def _names(is_nested: bool) -> list[str]:
    """The fields of the join and its policy, those of the pieces' results too where there are."""
    methods = tuple(f"{method}." for method in JOINS)
    names = ["join.method", *POLICY]
    names += [name for name in FIELDS if name.startswith(methods)]
    if is_nested:
        names += ["each.join.method", *EACH_POLICY]
        names += [name for name in FIELDS if name.removeprefix("each.").startswith(methods)]
    return list(dict.fromkeys(names))


def _changes(values: Mapping[str, Any], *, is_nested: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"join": join_spec(values), "on_failure": _policy(values, "")}
    if is_nested:
        join = join_spec(values, "each.")
        found["each"] = {"join": join, "on_failure": _policy(values, "each.")}
    return found


def _policy(values: Mapping[str, Any], at: str) -> dict[str, Any]:
    policy = {"policy": values.get(f"{at}on_failure.policy") or "mark_gaps"}
    least = values.get(f"{at}on_failure.least")
    return policy if least is None else {**policy, "least": least}
