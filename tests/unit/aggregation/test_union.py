"""Union: support, sources, folding, and items that keep their own attributes."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from runs.aggregation import likeness
from runs.aggregation.registry import aggregate, read
from runs.domain.joins import ItemReader, ItemsKind, Union
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import OutcomeKind
from tests.effort import Effort
from tests.unit.aggregation.children import answered, cancelled, failed, spared, votes

OBJECTS = ItemReader(ItemsKind.JSON, key=("name",))


def union(children, **settings):
    return aggregate(Union(**settings), FailurePolicy(), children, {})


def test_equal_items_fold_into_the_first_seen_and_keep_its_spelling():
    outcome = union(votes("- Apples\n- pears", "apples.\nplums", "“PEARS”"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.JOINED, "Apples\npears\nplums")
    assert [c.kind for c in outcome.contributions] == ["used", "used", "duplicate"]
    assert [c.reason for c in outcome.contributions] == [
        "2 of its 2 items are in the list.",
        "2 of its 2 items are in the list; 1 had been named by earlier answers.",
        "Its item had been named by an earlier answer.",
    ]
    assert [c.value for c in outcome.contributions] == ["2 items", "2 items", "1 item"]
    assert outcome.detail == "3 items from 3 answers."


def test_support_and_sources_of_every_item_are_kept():
    quality = union(votes("a\nb", "a\nc", "a\nb")).quality
    assert quality["support"] == {"1": 1, "2": 1, "3": 1}
    assert (quality["named"], quality["mentions"], quality["folded"]) == (3, 6, 3)
    assert quality["agreement"] == pytest.approx((3 + 2 + 1) / 9)
    assert quality["sources"] == [
        {"item": "a", "support": 3, "sources": [0, 1, 2], "is_in": True},
        {"item": "b", "support": 2, "sources": [0, 2], "is_in": True},
        {"item": "c", "support": 1, "sources": [1], "is_in": True},
    ]


def test_an_item_named_twice_by_one_answer_has_one_supporter():
    outcome = union(votes("a\nA\na", "b"), least_support=2)
    assert (outcome.kind, outcome.value) == (OutcomeKind.JOINED, "")
    assert outcome.quality["support"] == {"1": 2}
    assert outcome.contributions[0].reason == (
        "Its item is named by fewer than 2 answers; 2 named again within the answer."
    )
    assert [c.kind for c in outcome.contributions] == ["outvoted", "outvoted"]


@pytest.mark.parametrize(
    ("least", "value"),
    [(1, "a\nb\nc\nd"), (2, "a\nb\nc"), (3, "a\nb"), (4, "a"), ("majority", "a\nb"), ("all", "a")],
)
def test_from_the_union_over_k_of_n_to_the_intersection(least, value):
    outcome = union(votes("a\nb\nc", "a\nb\nc", "a\nb", "a\nd"), least_support=least)
    assert outcome.value == value
    assert outcome.quality["needed"] == {"majority": 3, "all": 4}.get(least, least)


def test_more_than_half_and_all_are_of_the_answers_that_were_read():
    children = [answered(0, "a\nb"), answered(1, "a"), failed(2), cancelled(3), answered(4, " ")]
    assert union(children, least_support="all").value == "a"
    outcome = union(children, least_support="majority")
    assert (outcome.kind, outcome.value) == (OutcomeKind.JOINED_WITH_GAPS, "a")
    assert "Missing: Document 3, Document 4, Document 5." in outcome.detail
    assert "1 item left out: named by fewer than 2 answers." in outcome.detail


def test_where_more_answers_are_needed_than_were_read_there_is_no_list():
    outcome = union([answered(0, "a"), answered(1, "a"), failed(2)], least_support=3)
    assert (outcome.kind, outcome.value) == (OutcomeKind.NO_QUORUM, None)
    assert "agreement" not in outcome.quality
    assert outcome.detail == "An item needs 3 answers that name it; 2 answers could be read."


def test_an_empty_list_is_an_answer():
    outcome = union(votes("none", "a", "[]"), least_support="majority")
    assert (outcome.kind, outcome.value) == (OutcomeKind.JOINED, "")
    assert [c.kind for c in outcome.contributions] == ["used", "outvoted", "used"]
    assert outcome.contributions[0].reason == "It lists nothing."
    assert outcome.quality["read"] == 3
    assert union(votes("[]"), items=OBJECTS).value == "[]"


def test_spared_children_leave_no_gap():
    assert union([answered(0, "a"), spared(1)]).kind is OutcomeKind.JOINED


def test_items_keep_the_attributes_of_their_first_source_and_mix_none():
    outcome = union(
        votes(
            '[{"name": "Ada", "born": 1815}]',
            '[{"name": "ada", "born": 1816, "died": 1852}, {"name": "Alan", "born": 1912}]',
        ),
        items=OBJECTS,
    )
    assert json.loads(outcome.value) == [
        {"name": "Ada", "born": 1815},
        {"name": "Alan", "born": 1912},
    ]
    assert outcome.quality["sources"][0]["sources"] == [0, 1]


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9))), min_size=1))
def test_every_object_in_the_result_stands_so_in_an_answer(answers):
    given_objects = [[{"name": name, "n": n} for name, n in answer] for answer in answers]
    outcome = union(votes(*map(json.dumps, given_objects)), items=OBJECTS, likeness=80)
    result = json.loads(outcome.value)
    assert all(any(item in answer for answer in given_objects) for item in result)
    assert len({item["name"] for item in result}) == len(result)


def test_like_items_fold_only_where_asked_and_only_as_like_as_asked():
    answers = votes("land-use intensification", "land use intensification", "land-use intensity")
    assert union(answers).quality["named"] == 3
    assert union(answers, likeness=90).value == "land-use intensification\nland-use intensity"
    outcome = union(answers, likeness=80)
    assert outcome.value == "land-use intensification"
    assert (outcome.quality["alike"], outcome.quality["support"]) == (2, {"3": 1})


def test_items_with_other_numbers_are_never_alike():
    assert union(votes("Section 12 of the Act", "Section 13 of the Act"), likeness=60).value == (
        "Section 12 of the Act\nSection 13 of the Act"
    )


def test_objects_are_alike_only_where_each_field_of_the_key_is():
    reader = ItemReader(ItemsKind.JSON, key=("span", "type"))
    long = "annual energy fluxes of the multitrophic system"
    answers = votes(
        json.dumps([{"span": long, "type": "QUALITY"}]),
        json.dumps([{"span": long, "type": "MATTER"}]),
        json.dumps([{"span": f"{long}s", "type": "QUALITY"}]),
    )
    assert len(json.loads(union(answers, items=reader, likeness=85).value)) == 2


def test_long_items_that_differ_at_the_end_stay_apart():
    assert union(votes("x" * 500 + "a", "x" * 500 + "b"), likeness=50).quality["named"] == 2


names = st.lists(st.sampled_from(["alpha", "alpha.", "Alphas", "alpine", "beta", "betas"]))


@examples(max_examples=150)
@given(st.lists(names, min_size=1, max_size=6), st.integers(50, 100), st.integers(1, 3))
def test_support_is_the_number_of_sources_and_result_the_supported(answers, like, least):
    outcome = union(
        votes(*("\n".join(a) or "none" for a in answers)), likeness=like, least_support=least
    )
    if least > len(answers):
        assert outcome.kind is OutcomeKind.NO_QUORUM
        return
    quality = outcome.quality
    assert all(found["support"] == len(set(found["sources"])) for found in quality["sources"])
    assert [found["is_in"] for found in quality["sources"]] == [
        found["support"] >= least for found in quality["sources"]
    ]
    assert quality["items"] == len(outcome.value.splitlines())
    assert quality["items"] + quality["below_support"] == quality["named"]
    assert sum(quality["support"].values()) == quality["named"]


def test_likeness_takes_the_most_like_and_of_those_the_first():
    folded = likeness.fold(["abcdefghij", "abcdefghxx", "abcdefghiz"], 80)
    assert folded["abcdefghiz"] == "abcdefghij"
    assert likeness.fold(["abcd", "abce", "abcf"], 100) == {k: k for k in ("abcd", "abce", "abcf")}


def test_thousands_of_items_fold_in_little_time():
    chance = random.Random(3)
    words = ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(900)]
    lists = ["\n".join(" ".join(chance.choices(words, k=3)) for _ in range(250)) for _ in range(16)]
    effort = Effort()
    assert union(votes(*lists), likeness=85).quality["mentions"] == 4_000
    assert effort.seconds() < 6


def test_what_a_table_shows_of_an_answer_is_how_many_items():
    assert read(Union(), "a\nb", Role.VOTE) == "2 items"
    assert read(Union(), "none", Role.VOTE) == "no items"
    assert read(Union(items=OBJECTS), "a", Role.VOTE) is None
