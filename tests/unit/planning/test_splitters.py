"""Splitters: no text is lost, parts keep their size, lists keep their items."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.planning import tokens
from runs.planning.splitters import chunks, heading, lines, list_items
from tests.effort import Effort

_markdown = st.lists(
    st.sampled_from(
        ["# Top\n", "## Part\n", "\n\n", "Words of a sentence. ", "- item\n", "```\ncode\n```\n"]
    )
    | st.text(max_size=30),
    max_size=60,
).map("".join)


@given(_markdown, st.integers(50, 80))
@settings(max_examples=100, deadline=None)
def test_chunks_joined_again_are_the_text(text: str, most: int) -> None:
    parts = chunks(text, most)
    assert "".join(parts) == text
    assert all(tokens.estimate(part) <= most for part in parts)


@pytest.mark.parametrize(
    "piece", ["a", "a ", "Some words. ", "# H\n\nText of it.\n\n", "- item\n", "> ", "é", "日本"]
)
def test_long_texts_lose_nothing_and_take_no_time(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    effort = Effort()
    parts = chunks(text, 50)
    assert effort.seconds() < 5
    assert "".join(parts) == text
    assert max(map(tokens.estimate, parts)) <= 50


def test_chunks_are_cut_at_headings() -> None:
    section = "## {}\n\n" + "It happened at noon and was over by one. " * 5
    text = "\n\n".join(section.format(name) for name in ("Cause", "Effect", "Repair"))
    assert [heading(part) for part in chunks(text, 60)] == ["Cause", "Effect", "Repair"]


def test_cutting_by_windows_is_cutting_at_once_along_headings() -> None:
    section = "## Part\n\n" + "A sentence of some length stands here. " * 4 + "\n\n"
    parts = chunks(section * 400, 50)
    assert len(parts) == 400
    assert {heading(part) for part in parts} == {"Part"}


@pytest.mark.parametrize(
    ("chunk", "title"),
    [
        ("# A title\n\ntext", "A title"),
        ("\n\n### Deep ###\ntext", "Deep"),
        ("text\n# Later", ""),
        ("#hash", ""),
        ("", ""),
    ],
)
def test_a_chunks_heading_is_the_one_it_begins_with(chunk: str, title: str) -> None:
    assert heading(chunk) == title


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n")), max_size=20))
def test_every_line_with_words_is_a_line(written: list[str]) -> None:
    expected = tuple(line.strip() for line in written if line.strip())
    assert lines("\n".join(written)) == expected


def test_only_line_feeds_end_lines() -> None:
    assert lines("a\u2028b\x85c\x0bd\ne") == ("a\u2028b\x85c\x0bd", "e")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("- one\n- two", ("one", "two")),
        ("* one\n+ two\n• three", ("one", "two", "three")),
        ("1. one\n2) two\n10. ten", ("one", "two", "ten")),
        ("Shopping:\n\n- one\n\n- two\n\nThanks!", ("one", "two")),
        ("- one\n  more of it\n- two", ("one\nmore of it", "two")),
        ("- one\n  - inner\n- two", ("one\n  - inner", "two")),
        ("  - one\n  - two", ("one", "two")),
        ("- one\nlazy\n- two", ("one\nlazy", "two")),
        ("-no item\n*neither*\n1.5 litres", ()),
        ("plain text", ()),
        ("", ()),
    ],
)
def test_list_items_are_found(text: str, items: tuple[str, ...]) -> None:
    assert list_items(text) == items


@given(st.lists(st.text(alphabet="abc -*1.", min_size=1).filter(str.strip), min_size=1))
def test_every_item_of_a_flat_list_is_an_item(written: list[str]) -> None:
    text = "\n".join(f"- {item.strip()}" for item in written)
    assert list_items(text) == tuple(item.strip() for item in written)
