"""Reading lists: what is an item, what is only around one, and what is no list."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.items import LONGEST_TEXT, MOST_ITEMS, answer_hits, hits, read
from runs.domain.joins import ItemReader, ItemsKind
from tests.effort import Effort

LINES = ItemReader()
COMMAS = ItemReader(ItemsKind.COMMAS)
JSON = ItemReader(ItemsKind.JSON)
BY_NAME = ItemReader(ItemsKind.JSON, key=("name",))


def texts(reader, answer):
    found = read(reader, answer).items
    return None if found is None else [item.text for item in found]


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        ("apples\npears", ["apples", "pears"]),
        ("- apples\n* pears\n+ plums", ["apples", "pears", "plums"]),
        ("• apples\n– pears", ["apples", "pears"]),
        ("1. apples\n2) pears\n(3) plums\na) figs", ["apples", "pears", "plums", "figs"]),
        ("- [x] apples\n- [ ] pears", ["apples", "pears"]),
        ("\n\napples\r\n\r\n  pears  \n", ["apples", "pears"]),
        ("\u200b- apples\n-\u00a0pears", ["apples", "pears"]),
        ("Here they are:\n\n- apples\n- pears\n\nTell me if you need more!", ["apples", "pears"]),
        ("**Fruit:**\n- apples\n**Roots:**\n- beets", ["apples", "beets"]),
        ("# Fruit\napples\n---\npears", ["apples", "pears"]),
        ("```\napples\npears\n```", ["apples", "pears"]),
        ("**apples**\n“pears”.", ["apples", "pears"]),
        ("energy fluxes | QUALITY", ["energy fluxes | QUALITY"]),
        ("-5\n- 5\n1.5 mg\nE. coli\nU. S.", ["-5", "5", "1.5 mg", "E. coli", "U. S"]),
        ("none", []),
        ("None.", []),
        ("[]", []),
        ("- none", []),
        ("```\n[]\n```", []),
        ("", None),
        ("  \n ", None),
        ("---\n***", None),
    ],
)  # fmt: skip
def test_lines(answer, items):
    assert texts(LINES, answer) == items


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        ("apples, pears,plums", ["apples", "pears", "plums"]),
        ("Answer: apples, pears, and plums.", ["apples", "pears", "plums"]),
        ("apples; pears\nplums", ["apples", "pears", "plums"]),
        ('"Smith, J.", figs (dried, old), [1, 2]', ["Smith, J", "figs (dried, old)", "[1, 2]"]),
        ("1,234 apples, 5 pears", ["1,234 apples", "5 pears"]),
        ("1,2,3", ["1", "2", "3"]),
        ("salt and pepper", ["salt and pepper"]),
        (", ,", None),
        ("none", []),
    ],
)  # fmt: skip
def test_commas(answer, items):
    assert texts(COMMAS, answer) == items


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        ('["apples", "pears"]', ["apples", "pears"]),
        ('Sure:\n```json\n["apples", "pears"]\n```\nSee [1] and "quotes.', ["apples", "pears"]),
        ('["draft"] no: ["apples"]', ["apples"]),
        ('["apples"], as in [1]', ["apples"]),
        ('{"items": ["apples"], "count": 1}', ["apples"]),
        ("[3, 3.0, 1e1, true]", ["3", "3", "10", "true"]),
        ('["a", null]', ["a"]),
        ("[]", []),
        ('{"items": []}', []),
        ("none", []),
        ("[null]", None),
        ('["apples", "pea', None),
        ("apples", None),
        ('{"a": ["x"], "b": ["y"]}', None),
        ("[" * 5_000 + "]" * 5_000, None),
    ],
)
def test_json_texts(answer, items):
    assert texts(JSON, answer) == items


def test_what_was_left_out_or_why_nothing_is_there_is_said():
    assert "cut" in read(JSON, '["apples", "pea').note
    assert "no JSON list" in read(JSON, "apples").note
    assert "“result.items”" in read(ItemReader(ItemsKind.JSON, "result.items"), '["a"]').note
    assert "2 of its items left out" in read(BY_NAME, '[{"name": "a"}, {"n": 1}, null]').note
    assert read(LINES, "a\n" * (MOST_ITEMS + 1)).note.startswith("only its first 10,000")
    assert len(read(LINES, "a\n" * (MOST_ITEMS + 1)).items) == MOST_ITEMS
    assert read(LINES, "a" * (LONGEST_TEXT + 1)).items is None


def test_a_list_is_named_by_a_dotted_field():
    reader = ItemReader(ItemsKind.JSON, "result.items")
    assert texts(reader, '{"result": {"items": ["a"]}, "other": ["b"]}') == ["a"]
    assert texts(reader, '{"result": {"items": "a"}}') is None


def test_objects_are_one_item_by_their_key_and_keep_their_other_fields():
    answer = '```json\n[{"name": "Ada  Lovelace.", "born": 1815}, {"name": "ada lovelace"}]\n```'
    first, second = read(BY_NAME, answer).items
    assert first.key == second.key == "ada lovelace"
    assert first.fields == {"name": "Ada  Lovelace.", "born": 1815}
    assert first.text == "Ada Lovelace"


def test_objects_may_stand_one_a_line_and_hold_lists_of_their_own():
    answer = '{"name": "a", "tags": ["x"]}\n{"name": "b", "tags": ["y"]}'
    assert texts(BY_NAME, answer) == ["a", "b"]


def test_a_key_of_several_fields_takes_all_of_them_and_mixes_none():
    reader = ItemReader(ItemsKind.JSON, key=("span", "type.name"))
    answer = '[{"span": "a | b", "type": {"name": "c"}}, {"span": "a", "type": {"name": "b | c"}}]'
    first, second = read(reader, answer).items
    assert first.key != second.key
    assert first.text == second.text == "a | b | c"


def test_objects_without_a_key_are_one_where_they_say_the_same():
    one, same, other = read(JSON, '[{"a": "X.", "b": 5}, {"b": 5.0, "a": "x"}, {"a": "x"}]').items
    assert one.key == same.key != other.key


def test_what_no_database_takes_is_taken_out():
    (item,) = read(BY_NAME, '[{"name": "a\\u0000\\ud800b", "n\\u0000": "\\udfff"}]').items
    assert item.fields == {"name": "ab", "n": ""}


@pytest.mark.parametrize(
    ("answer", "short"), [("a", "1 item"), ("a\nb", "2 items"), ("none", "no items"), ("", None)]
)
def test_a_list_is_shortened_for_tables(answer, short):
    assert read(LINES, answer).short == short


@pytest.mark.parametrize(
    ("value", "gold", "expected"),
    [
        ("a | X\nb | Y", '["a | x", "c | Z", "A  | X"]', (1, 2, 2)),
        ("a | X\nb | Y", '["a | x", "c | Z", "A | X."]', (1, 2, 3)),  # JSON says where a text ends
        ("", "[]", (0, 0, 0)),
        ("a", "", (0, 1, 0)),
        ('[\n{"name": "a", "n": 1}\n]', '["A"]', (1, 1, 1)),
    ],
)
def test_hits_against_a_gold_list(value, gold, expected):
    assert hits(BY_NAME, value, gold) == expected


def test_hits_of_one_answer_are_read_as_the_join_reads_it():
    assert answer_hits(COMMAS, "Answer: a, b", '["A", "c"]') == (1, 2, 2)
    assert answer_hits(JSON, 'So:\n```json\n["a"]\n```', "a\nb") == (1, 1, 2)
    assert answer_hits(JSON, "no list", "a") == (0, 0, 1)


@given(st.lists(st.text(), max_size=6))
def test_every_json_array_of_texts_is_read(values):
    found = read(JSON, json.dumps(values))
    assert bool(found.note) is (found.items is None or len(found.items) < len(values))


@pytest.mark.parametrize("kind", ItemsKind)
@pytest.mark.parametrize(
    "piece", ["[", "]", "{}", '"', "```\n", "- ", "1. ", ",", "(", "a:\n", "#\n"]
)
def test_hostile_lists_take_no_long_time(kind, piece):
    effort = Effort()
    read(ItemReader(kind, key=("name",)), piece * 100_000)
    assert effort.seconds() < 5
