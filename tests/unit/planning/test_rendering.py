"""Templates: names are replaced, nothing else happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import InvalidInput
from runs.planning.rendering import render, variables
from tests.effort import Effort

FIELDS = {"input": "the text", "document.text": "Doc", "row.Product name": "Tea"}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Ask {{ input }}.", "Ask the text."),
        ("{{input}}{{  input\t}}", "the textthe text"),
        ("{{ document.text }} of {{ row.Product name }}", "Doc of Tea"),
        ("{ input } {{input} {{}} {{ }} {input}", "{ input } {{input} {{}} {{ }} {input}"),
        ("{{{ input }}}", "{the text}"),
        ("{{\ninput }}", "{{\ninput }}"),
        ("", ""),
    ],
)
def test_names_between_double_braces_are_replaced(template: str, rendered: str) -> None:
    assert render(template, FIELDS) == rendered


@given(st.text(), st.text())
def test_a_value_is_never_looked_at_again(before: str, after: str) -> None:
    value = f"{before}{{{{ secret }}}}{{{{ input }}}}{after}"
    assert render("<{{ input }}>", {"input": value, "secret": "key"}) == f"<{value}>"


@given(st.lists(st.sampled_from(["{{ a }}", "{{ b }}", "{{", "}}", " ", "x"]), max_size=8))
def test_two_values_never_make_a_name_together(pieces: list[str]) -> None:
    fields = {"a": "{{ ", "b": "b }}"}
    expected = "".join(pieces)
    if "{{" in expected.replace("{{ a }}", "").replace("{{ b }}", ""):
        return
    for name, value in (("a", "\0"), ("b", "\1")):
        expected = expected.replace(f"{{{{ {name} }}}}", value)
    rendered = render("".join(pieces), fields)
    assert rendered == expected.replace("\0", fields["a"]).replace("\1", fields["b"])


@pytest.mark.parametrize(
    "template",
    ["{{ 7 * 6 }}", "{{ input.upper() }}", "{{ input|safe }}", "{{ input.__class__ }}", "{{ % }}"],
)
def test_nothing_is_evaluated(template: str) -> None:
    with pytest.raises(InvalidInput, match="is not known here"):
        render(template, FIELDS)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        render("{{ inptu }}", FIELDS, "prompts.0.text")
    assert caught.value.field == "prompts.0.text"
    assert "Did you mean {{ input }}?" in caught.value.message
    assert "{{ input }}, {{ document.text }}, {{ row.Product name }}" in caught.value.message


def test_of_many_known_names_some_are_listed() -> None:
    with pytest.raises(InvalidInput, match="and 88 more"):
        render("{{ x }}", {f"row.column {number}": "" for number in range(100)})


def test_variables_are_listed_once_and_in_order() -> None:
    assert variables("{{ b }} {{a}} {{ b }} {{ row.x y }}") == ("b", "a", "row.x y")


@pytest.mark.parametrize("piece", ["{", "{{", "{{ ", "{{ a", "{{ a ", " a"])
def test_hostile_templates_take_no_time(piece: str) -> None:
    effort = Effort()
    variables("{{" + piece * 50_000)
    assert effort.seconds() < 2
