"""Configurations: what is allowed, and how what is not is said."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import InvalidConfiguration
from runs.domain.joins import Gate, Majority, Reader, ReaderKind
from runs.planning.configuration import dump, parse
from tests.unit.planning.samples import CALL, gate, sectioning, specs, voting


def errors_of(spec: Any) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        parse(spec)
    return {error.field: error.message for error in caught.value.errors}


def changed(spec: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A deep copy of `spec` with the value at the dotted `path` set."""
    copy = json.loads(json.dumps(spec))
    *groups, last = path.split(".")
    target = copy
    for group in groups:
        target = target[int(group)] if group.isdigit() else target.setdefault(group, {})
    target[int(last) if isinstance(target, list) else last] = value
    return copy


def test_what_is_left_out_has_its_default() -> None:
    configuration = parse(sectioning())
    assert configuration.split.by == "document"
    assert configuration.on_failure.policy == "mark_gaps"
    assert configuration.call.temperature is None
    assert configuration.limits.tries == 4


def test_join_settings_are_the_domains_own_values() -> None:
    reader = {"kind": "choice", "choices": ["bug", "other"]}
    majority = parse(voting(join={"method": "majority", "reader": reader})).join
    assert majority == Majority(reader=Reader(ReaderKind.CHOICE, choices=("bug", "other")))
    assert parse(gate()).join == Gate()


@given(specs())
@settings(max_examples=150, deadline=None)
def test_dumping_and_parsing_gives_the_same_configuration(spec: dict[str, Any]) -> None:
    configuration = parse(spec)
    data = json.loads(json.dumps(dump(configuration), allow_nan=False))
    assert parse(data) == configuration


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("votes.samples", 0, "from 1 to 10,000"),
        ("votes.samples", 10**9, "from 1 to 10,000"),
        ("votes.samples", "many", "from 1 to 10,000"),
        ("votes.samples", True, "from 1 to 10,000"),
        ("votes.samples", 10**400, "from 1 to 10,000"),
        ("votes.samples", None, "from 1 to 10,000"),
        ("votes.samples", 2.5, "from 1 to 10,000"),
        ("split.chunk_tokens", 49, "from 50 to 100,000"),
        ("call.max_tokens", 0, "from 1 to 200,000"),
        ("call.temperature", 2.1, "from 0 to 2"),
        ("call.temperature", "nan", "from 0 to 2"),
        ("call.top_p", 0, "from 0.001 to 1"),
        ("call.seed", -1, "from 0 to 2,147,483,647"),
        ("call.model", "", "must not be empty"),
        ("call.model", "  ", "must not be empty"),
        ("call.connection", "x" * 81, "at most 80 characters"),
        ("call.accept_cut", "perhaps", "true or false"),
        ("call.stop", "END", "must be a list"),
        ("call.stop.0", "", "must be text of 1 to 200 characters"),
        ("call.stop.0", "x" * 201, "must be text of 1 to 200 characters"),
        ("limits.tries", 11, "from 1 to 10"),
        ("limits.deadline_s", 0, "from 1 to 3,600"),
        ("limits.cost_usd", 0, "from 1e-06 to 1e+06"),
        ("limits.hedge", 0.6, "from 0.01 to 0.5"),
        ("name", "", "must not be empty"),
        ("name", 7, "put it in quotes"),
        ("pattern", "chain", "sectioning or voting"),
        ("votes.vary", "mood", "none, temperature, template or model"),
        ("on_failure.policy", "ignore", "stop, all, at_least or mark_gaps"),
        ("on_failure.least", 0, "from 1 to 100,000"),
        ("prompts.0.version", 0, "from 1 to 1,000,000"),
        ("prompts.0.text", " ", "write the prompt"),
        ("prompts", [], "at least 1 entry"),
        ("prompts", "Ask", "must be a list"),
        ("call", 3, "group of fields"),
        ("split", [], "group of fields"),
        ("join", "majority", "group of fields"),
        ("join.method", "raffle", "concatenate, majority, union, numeric"),
        ("join.least_share", 1.5, "from 0 to 1"),
        ("join.least_share", "half", "from 0 to 1"),
        ("join.ties", "coin", "declare, first_seen or judge"),
        ("join.reader", "number", "group of fields"),
        ("join.reader.kind", "tea_leaves", "whole_text, last_line, regex"),
        ("join.reader", {"kind": "choice", "choices": ["one"]}, None),
        ("input", {}, "exactly one of text, documents, rows, files, dataset"),
        ("input", {"text": "a", "dataset": "b"}, "exactly one"),
        ("provider", {"name": "mine"}, None),
        ("provider", {"name": "m", "base_url": "ftp://example.com"}, None),
    ],
)
def test_a_refusal_names_the_field_and_says_what_is_allowed(
    path: str, value: object, said: str | None
) -> None:
    found = errors_of(changed(voting(call={**CALL, "stop": ["\n"]}), path, value))
    if said is not None:
        assert said in found[path]
    assert all(field == path or field.startswith(f"{path}.") for field in found)


@pytest.mark.parametrize(
    ("join", "field", "said"),
    [
        ({"method": "majority", "reader": {"kind": "regex"}}, "reader.pattern", "regular expr"),
        (
            {"method": "majority", "reader": {"kind": "regex", "pattern": "("}},
            "reader.pattern",
            "no",
        ),
        ({"method": "majority", "reader": {"kind": "choice"}}, "reader.choices", "2 to 200"),
        (
            {"method": "majority", "reader": {"kind": "choice", "choices": ["A", "a "]}},
            "reader.choices",
            "differ",
        ),
        (
            {"method": "majority", "reader": {"kind": "choice", "choices": [1, 2]}},
            "reader.choices",
            "in quotes",
        ),
        (
            {"method": "majority", "reader": {"kind": "json_field"}},
            "reader.field",
            "name the field",
        ),
        ({"method": "majority", "reader": {"knid": "number"}}, "reader.knid", "Did you mean kind"),
        ({"method": "majority", "leest_share": 1}, "leest_share", "Did you mean least_share"),
        ({"method": "merge", "parts": 1}, "parts", "2 to 50"),
        ({"method": "merge", "parts": 2.5}, "parts", "2 to 50"),
        ({"method": "merge", "max_tokens": 0}, "max_tokens", "1 to 200,000"),
        ({"method": "merge", "prompt": "Join them."}, "prompt", "{{ parts }}"),
        ({"method": "merge", "prompt": "{{ parts }} {{ answers }}"}, "prompt", "{{ missing }}"),
        ({"method": "merge", "prompt": ""}, "prompt", "{{ parts }}"),
        ({}, "method", "concatenate, majority, union, numeric"),
    ],
)
def test_a_join_is_refused_beside_its_very_field(
    join: dict[str, Any], field: str, said: str
) -> None:
    found = errors_of(voting(join=join))
    assert list(found) == [f"join.{field}"]
    assert said in found[f"join.{field}"]


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("shape", "name, pattern, join"),
        ("call.temprature", "Did you mean temperature?"),
        ("votes.sampels", "Did you mean samples?"),
        ("limits.budget", "tries, deadline_s"),
        ("prompts.0.txt", "Did you mean text?"),
        ("on_failure.on_failure", "policy, least"),
    ],
)
def test_unknown_fields_are_refused_and_the_known_ones_listed(place: str, known: str) -> None:
    assert known in errors_of(changed(voting(), place, 1))[place]


def test_everything_wrong_is_said_at_once() -> None:
    spec = voting(votes={"samples": 0}, call={"model": "m"}, join={"method": "merge", "parts": 99})
    assert set(errors_of(spec)) == {"votes.samples", "call.connection", "join.parts"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"votes": {"samples": 3, "vary": "temperature"}}, "votes.temperatures"),
        ({"votes": {"samples": 3, "vary": "model"}}, "votes.models"),
        ({"votes": {"samples": 3, "vary": "template"}}, "prompts"),
        ({"prompts": [{"text": "a"}, {"text": "b"}]}, "prompts"),
        ({"prompts": [{"text": "a", "version": 2}]}, "prompts.0.version"),
        ({"prompts": [{"text": "a", "role": "guard"}]}, "prompts.0.role"),
        ({"join": {"method": "gate"}}, "join.method"),
        ({"on_failure": {"policy": "at_least", "least": 10}}, "on_failure.least"),
        ({"call": {**CALL, "json_schema": {"type": "objekt"}}}, "call.json_schema"),
        ({"provider": {"name": "a", "base_url": "https://u:p@h/v1"}}, "provider.base_url"),
        (
            {"provider": {"name": "a", "kind": "local", "api_key_env": "a key"}},
            "provider.api_key_env",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], field: str) -> None:
    assert list(errors_of(voting(**changes))) == [field]


def test_a_gate_needs_guards_and_one_main_prompt() -> None:
    alone = [{"text": "Answer {{ input }}"}]
    assert "role guard" in errors_of(gate(prompts=alone))["prompts"]
    guards = [{"text": "Safe?", "role": "guard"}, {"text": "Kind?", "role": "guard"}]
    assert "exactly one prompt with role section" in errors_of(gate(prompts=guards))["prompts"]
    assert "prompts" in errors_of(gate(split={"by": "line"}))["split.by"]


def test_a_gate_lets_through_only_what_its_reader_can_read() -> None:
    join = {"method": "gate", "passes": ["fine"]}
    assert "pass, block" in errors_of(gate(join=join))["join.passes"]
    assert "at least one" in errors_of(gate(join={"method": "gate", "passes": []}))["join.passes"]
    assert parse(gate(join={"method": "gate", "passes": ["PASS"]}))


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        (sectioning(prompts=[{"text": "{{ dokument.text }}"}]), "{{ document.text }}"),
        (
            sectioning(split={"by": "row"}, prompts=[{"text": "{{ line.text }}"}]),
            "{{ row.<column> }}",
        ),
        (voting(prompts=[{"text": "{{ document.text }}"}]), "Known here: {{ input }}."),
        (voting(prompts=[{"text": "{{ input + 1 }}"}]), "Known here: {{ input }}."),
        (voting(prompts=[{"text": "{{ input.__class__ }}"}]), "Known here: {{ input }}."),
    ],
)
def test_an_unknown_variable_is_refused_and_the_known_ones_listed(
    spec: dict[str, Any], known: str
) -> None:
    assert known in errors_of(spec)["prompts.0.text"]


def test_a_variable_that_only_another_branch_could_fill_says_chain_these() -> None:
    prompts = [{"name": "Risks", "text": "a"}, {"name": "Advice", "text": "Given {{ Risks }}"}]
    spec = sectioning(split={"by": "prompts"}, prompts=prompts)
    assert "chain these instead" in errors_of(spec)["prompts.1.text"]
    assert "chain" in errors_of(voting(prompts=[{"text": "{{ previous }}"}]))["prompts.0.text"]


def test_the_system_text_takes_no_variables() -> None:
    prompts = [{"text": "{{ input }}", "system": "You know {{ input }}."}]
    assert "as it stands" in errors_of(voting(prompts=prompts))["prompts.0.system"]


def test_a_template_not_read_yet_is_taken_as_it_is() -> None:
    prompt = parse(voting(prompts=[{"template": "Triage", "version": 3}])).prompts[0]
    assert (prompt.template, prompt.version, prompt.text) == ("Triage", 3, "")


def test_a_provider_of_its_own_is_the_calls_connection() -> None:
    provider = {"name": "mine", "base_url": "http://127.0.0.1:8000/v1", "api_key_env": "MY_KEY"}
    configuration = parse(voting(provider=provider, call={"model": "m"}))
    assert configuration.call.connection == "mine"
    assert parse(dump(configuration)) == configuration


def test_voters_by_model_need_no_model_of_the_call() -> None:
    models = [{"connection": "a", "model": "small"}, {"connection": "b", "model": "large"}]
    votes = {"samples": 4, "vary": "model", "models": models}
    call = parse(voting(votes=votes, call={})).call
    assert (call.connection, call.model) == ("a", "small")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (voting(name="a\x00b"), "name"),
        (voting(prompts=[{"text": "a\ud800"}]), "prompts.0.text"),
        (voting(call={**CALL, "json_schema": {"default": {"x": float("inf")}}}), None),
        (voting(call={**CALL, "json_schema": {"a\x00": 1}}), "call.json_schema"),
    ],
)
def test_what_cannot_be_stored_is_refused(spec: dict[str, Any], field: str | None) -> None:
    assert list(errors_of(spec)) == [field or "call.json_schema.default.x"]


def test_endless_nesting_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"not": schema}
    (message,) = errors_of(voting(call={**CALL, "json_schema": schema})).values()
    assert "at most 40 levels" in message


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_only_a_group_of_fields_is_a_configuration(data: object) -> None:
    assert "group of fields" in errors_of(data)[""]


def test_cells_of_rows_become_text() -> None:
    rows = [{"n": 1, "price": 1.5, "is": True, "none": None, "list": ["é"], "text": "x"}]
    given = parse(voting(input={"rows": rows})).input
    assert given is not None
    assert given.rows == (
        {"n": "1", "price": "1.5", "is": "true", "none": "", "list": '["é"]', "text": "x"},
    )


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_places = [
    *(path for group in ("votes", "call", "limits", "split", "on_failure") for path in [group]),
    *("name", "pattern", "prompts", "prompts.0", "prompts.0.text", "prompts.0.system"),
    *("join", "join.method", "join.reader", "join.reader.kind", "join.reader.choices"),
    *("join.reader.pattern", "join.passes", "join.parts", "join.prompt", "join.least_share"),
    *("votes.samples", "votes.vary", "votes.models", "votes.temperatures", "call.json_schema"),
    *("call.stop", "call.model", "limits.cost_usd", "provider", "input", "input.rows"),
]


@given(
    st.sampled_from([sectioning(), voting(), gate()]),
    st.sampled_from(["concatenate", "majority", "merge", "gate", "other"]),
    st.lists(st.tuples(st.sampled_from(_places), _anything), max_size=3),
)
@settings(max_examples=400)
def test_no_data_makes_a_crash(
    spec: dict[str, Any], method: str, changes: list[tuple[str, object]]
) -> None:
    join = {"method": method, "reader": {"kind": "choice", "choices": ["pass", "block"]}}
    spec = json.loads(json.dumps({**spec, "join": join}))
    for path, value in changes:
        with contextlib.suppress(TypeError, AttributeError, ValueError, LookupError):
            spec = changed(spec, path, value)
    try:
        configuration = parse(spec)
    except InvalidConfiguration:
        return
    assert parse(dump(configuration)) == configuration
