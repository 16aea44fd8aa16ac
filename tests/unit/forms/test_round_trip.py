"""What the form accepts a file accepts, and the other way round."""

from dataclasses import fields
from typing import Any

import pytest
from django import forms
from django.http import QueryDict

from runs.forms.configuration import ConfigurationForm, with_prompt, without_prompt
from runs.forms.controls import FIELDS, PROMPT_FIELDS
from runs.planning import configuration as configurations
from runs.planning.shape import GROUPS, JOINS
from tests.factories import voting_spec
from tests.unit.forms.specs import every_spec

SPECS = every_spec()


def sent(form: ConfigurationForm) -> QueryDict:
    """What a browser sends for the form as it is shown: no unticked boxes, CRLF in texts."""
    data = QueryDict(mutable=True)
    for name, field in form.fields.items():
        value = form.value(name)
        if isinstance(field.widget, forms.CheckboxInput):
            if value:
                data[name] = "on"
            continue
        data[name] = "" if value is None else str(value).replace("\n", "\r\n")
    return data


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_configuration_shown_and_sent_back_is_the_same(spec: dict[str, Any]) -> None:
    stored = configurations.dump(configurations.parse(spec))
    form = ConfigurationForm(sent(ConfigurationForm.of(stored)))
    assert form.is_valid(), form.errors
    assert configurations.dump(form.configuration) == stored


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_a_short_configuration_is_completed_alike_by_form_and_file(spec: dict[str, Any]) -> None:
    form = ConfigurationForm.of(spec)
    assert form.is_valid(), form.errors
    assert form.configuration == configurations.parse(spec)


@pytest.mark.parametrize("section", ["on_failure", "split", "votes", "call", "limits", "provider"])
def test_every_field_of_the_file_has_a_field_in_the_form(section: str) -> None:
    for name in GROUPS[section].model_fields:
        assert f"{section}.{name}" in FIELDS


@pytest.mark.parametrize("method", JOINS)
def test_every_setting_of_a_join_has_a_field_in_the_form(method: str) -> None:
    for setting in fields(JOINS[method]):
        inner = GROUPS.get(f"join.{setting.name}")
        names = [f"{setting.name}.{part.name}" for part in fields(inner)] if inner else None
        if setting.name != "method":
            assert all(f"{method}.{name}" in FIELDS for name in names or [setting.name])


def test_the_join_of_results_has_every_setting_that_the_join_of_branches_has() -> None:
    settings = {name for name in FIELDS if name.partition(".")[0] in JOINS}
    assert settings
    assert all(f"each.{name}" in FIELDS for name in settings)
    assert all(f"each.{name}" in FIELDS for name in ("by", "chunk_tokens", "join.method"))
    assert all(f"each.on_failure.{name}" in FIELDS for name in GROUPS["on_failure"].model_fields)


def test_every_field_of_a_prompt_is_in_the_form() -> None:
    assert set(GROUPS["prompts.*"].model_fields) == {*PROMPT_FIELDS, "version"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"votes.samples": "0"}, "votes.samples", "from 1 to 10,000"),
        ({"votes.samples": "1000000000"}, "votes.samples", "from 1 to 10,000"),
        ({"votes.samples": "many"}, "votes.samples", "whole number"),
        ({"votes.samples": ""}, "votes.samples", "whole number"),
        ({"prompts.0.text": "{{ document.text }}"}, "prompts.0.text", "is not known here"),
        ({"prompts.0.text": "  "}, "prompts.0.text", "must not be empty"),
        ({"majority.reader.choices": "one"}, "majority.reader.choices", "2 to 200"),
        ({"on_failure.policy": "at_least", "on_failure.least": "9"}, "on_failure.least", "1 to 3"),
        ({"join.method": "", "pattern": "voting"}, "join.method", "one of"),
        ({"join.method": "gate"}, "join.method", "pattern sectioning"),
        ({"votes.stop": "confident", "majority.weights": "a = 2"}, "votes.stop", "with weights"),
        ({"majority.weights": "a"}, "majority.weights", "a line"),
        ({"majority.weights": "a = -1"}, "majority.weights", "above 0"),
        ({"votes.wave_least": "9"}, "votes.wave_least", "at most the 3"),
        ({"votes.wave_most": "1", "votes.wave_least": "2"}, "votes.wave_most", "at least"),
        ({"join.method": "union", "union.least_support": "most"}, "union.least_support", "all"),
        ({"join.method": "union", "union.least_support": "4"}, "union.least_support", "at most 3"),
        ({"join.method": "union", "union.likeness": "3"}, "union.likeness", "50 to 100"),
        ({"join.method": "fields", "fields.schema": "[1]"}, "fields.schema", "group"),
        ({"join.method": "numeric", "numeric.trim": "0.5"}, "numeric.trim", "below 0.5"),
        ({"join.method": "judge", "judge.judge.prompt": "x"}, "judge.judge.prompt", "answers"),
        ({"each.by": "row", "each.join.method": "gate"}, "each.join.method", "guards"),
        (
            {"each.by": "row", "each.join.method": "merge", "each.merge.prompt": "x"},
            "each.merge.prompt",
            "parts",
        ),
        (
            {"each.by": "chunks", "each.chunk_tokens": "2"},
            "each.chunk_tokens",
            "from 50",
        ),
        (
            {"each.by": "row", "input.gold": "b", "input.kind": "inline"}
            | {"input.inline": '{"rows": [{"a": "1"}]}'},
            "input.gold",
            "there are a",
        ),
        ({"call.json_schema": "{"}, "call.json_schema", "not valid JSON"),
        ({"call.model": ""}, "call.model", "must not be empty"),
        ({"limits.tries": "11"}, "limits.tries", "from 1 to 10"),
        ({"votes.vary": "temperature", "votes.temperatures": "x"}, "votes.temperatures", "commas"),
        ({"votes.vary": "model", "votes.models": "a/b"}, "votes.models", "a line"),
        ({"name": ""}, "name", "must not be empty"),
        ({"input.kind": "dataset"}, "input.dataset", "must not be empty"),
        ({"input.kind": "inline", "input.inline": "[1]"}, "input.inline", ""),
        ({"input.kind": "text", "input.text": "x" * 5_000_001}, "input.text", "5,000,000"),
    ],
)
def test_an_error_stands_beside_its_field(changes: dict[str, str], field: str, words: str) -> None:
    form = ConfigurationForm(with_changes(**changes))
    assert not form.is_valid()
    assert words in " ".join(form.errors[field])
    assert any(label for _, label, _ in form.summary())


def with_changes(**changes: str) -> QueryDict:
    data = sent(ConfigurationForm.of(voting_spec()))
    for name, value in changes.items():
        data[name] = value
    return data


def test_what_another_method_would_need_is_not_asked_for() -> None:
    form = ConfigurationForm(with_changes(**{"merge.parts": "", "gate.passes": ""}))
    assert form.is_valid(), form.errors


def test_prompts_are_added_and_removed_in_place() -> None:
    data = with_changes()
    data = with_prompt(data)
    data["prompts.1.text"] = "second"
    assert ConfigurationForm(data).prompts == 2
    left = without_prompt(data, 0)
    assert ConfigurationForm(left).prompts == 1
    assert left["prompts.0.text"] == "second"
    assert ConfigurationForm(without_prompt(left, 0)).prompts == 1


def test_a_prompt_added_beside_a_gate_is_a_check() -> None:
    data = with_prompt(with_changes(**{"join.method": "gate"}))
    assert data["prompts.1.role"] == "guard"
