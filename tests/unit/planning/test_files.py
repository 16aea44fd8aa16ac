"""Configuration files: YAML in and out."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import InvalidConfiguration
from runs.planning.configuration import parse
from runs.planning.files import dump_yaml, load_yaml
from tests.effort import Effort
from tests.unit.planning.samples import gate, sectioning, specs, voting

FILE = """\
name: Triage
pattern: voting
join: {method: majority, reader: {kind: choice, choices: [yes, no]}}
votes: {samples: 9}
prompts:
  - text: |
      Is this urgent? Answer yes or no.

      {{ input }}
call: {connection: local, model: smollm2-135m}
"""


def message_of(text: str | bytes) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        load_yaml(text)
    (error,) = caught.value.errors
    assert error.field == "file"
    return error.message


@given(specs())
@settings(max_examples=200, deadline=None)
def test_loading_what_was_dumped_gives_the_same_configuration(spec: dict[str, Any]) -> None:
    configuration = parse(spec)
    assert load_yaml(dump_yaml(configuration)) == configuration


def test_a_file_is_what_the_same_data_is() -> None:
    spec = voting(
        join={"method": "majority", "reader": {"kind": "choice", "choices": ["yes", "no"]}},
        prompts=[{"text": "Is this urgent? Answer yes or no.\n\n{{ input }}\n"}],
    )
    assert load_yaml(FILE) == parse(spec)
    assert load_yaml(FILE.encode("utf-8-sig")) == parse(spec)


@pytest.mark.parametrize("word", ["no", "off", "012", "1:30", "2024-01-01", "0x10", "1_000"])
def test_words_that_older_yaml_changes_stay_words(word: str) -> None:
    text = FILE.replace("[yes, no]", f"[yes, {word}]")
    assert load_yaml(text).join.reader.choices == ("yes", word)  # type: ignore[union-attr]


def test_prompts_are_written_as_blocks_for_people() -> None:
    text = dump_yaml(load_yaml(FILE))
    assert "  text: |\n    Is this urgent? Answer yes or no.\n\n    {{ input }}\n" in text
    assert "null" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "line"),
        ("name: a\n  pattern: b", "line 2"),
        ("name: a\nname: b\n", "line 2, column 1: “name” stands here for the second time"),
        ("call:\n  model: a\n  seed: 1\n  model: b\n", "line 4"),
        ("name: a\n\tpattern: b", "line 2"),
        ("? [a, b]\n: c", "plain text"),
        ("a: &x 1\nb: *x", "anchors"),
        ("a: *x", "anchors"),
        ("a: !!python/object/apply:os.system [ls]", "tags"),
        ("a: !include other", "tags"),
        ("[" * 50_000, "nested too deeply"),
        ("{a: " * 50_000, "nested too deeply"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("name: a\x01", "cannot be read"),
        ("", "empty"),
        ("# only a remark", "empty"),
        (b"name: \xff\xfe\xfa", "UTF-8"),
        ("name: \ud800", "UTF-8"),
        ("x" * 8_000_001, "8.0 MB"),
    ],
)
def test_an_unreadable_file_says_where_and_why(text: str | bytes, said: str) -> None:
    assert said in message_of(text)


@pytest.mark.parametrize("text", ["just words", "- a\n- b", "3"])
def test_a_file_of_something_else_says_what_is_expected(text: str) -> None:
    with pytest.raises(InvalidConfiguration, match="name, pattern, join, prompts"):
        load_yaml(text)


def test_errors_in_a_file_name_the_field() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load_yaml(FILE.replace("samples: 9", "samples: 1000000000"))
    assert [error.field for error in caught.value.errors] == ["votes.samples"]


def test_numbers_of_any_length_make_no_crash() -> None:
    for number in ("9" * 290, "9" * 5000, "1e999", "-0", "1e-400"):
        with pytest.raises(InvalidConfiguration):
            load_yaml(FILE.replace("samples: 9", f"samples: {number}"))


@pytest.mark.parametrize("spec", [sectioning(), voting(), gate()])
def test_every_pattern_goes_to_a_file_and_back(spec: dict[str, Any]) -> None:
    assert load_yaml(dump_yaml(parse(spec))) == parse(spec)


def test_a_large_file_is_read_in_seconds() -> None:
    text = FILE + "input:\n  rows:\n" + "    - {question: What is it, gold: 12}\n" * 20_000
    effort = Effort()
    given = load_yaml(text).input
    assert effort.seconds() < 10
    assert given is not None
    assert given.rows is not None
    assert len(given.rows) == 20_000


@given(
    st.lists(
        st.sampled_from([*FILE.splitlines(keepends=True), "  ", "- ", "a: ", "|\n", "{", "]", "'"])
        | st.text(max_size=4),
        max_size=14,
    )
)
@settings(max_examples=300)
def test_no_text_makes_a_crash(pieces: list[str]) -> None:
    try:
        configuration = load_yaml("".join(pieces))
    except InvalidConfiguration:
        return
    assert load_yaml(dump_yaml(configuration)) == configuration
