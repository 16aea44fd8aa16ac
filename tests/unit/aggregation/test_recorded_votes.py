"""Votes on recorded answers of real models. Skipped where the recordings are not at hand."""

import json
from fractions import Fraction
from functools import cache

import pytest

from runs.aggregation.numbers import read_number
from runs.aggregation.registry import aggregate
from runs.domain.joins import Majority, Reader, ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Child, ChildState, OutcomeKind
from tests.recordings import recording

FIXED_40 = {
    "aime2024__o3-mini-low": 70.00,
    "aime2024__o3-mini-medium": 90.00,
    "aime2024__o3-mini-high": 96.67,
    "gpqa_diamond__o3-mini-low": 68.18,
}


@cache
def questions(name):
    with recording(name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def child(index, answer):
    if not answer:
        return Child(index, "", ChildState.FAILED, reason="no answer recorded", role=Role.VOTE)
    return Child(index, "", ChildState.ANSWERED, answer, role=Role.VOTE)


def outcomes(name, settings):
    for question in questions(name):
        children = [child(i, sample["answer"]) for i, sample in enumerate(question["samples"][:40])]
        yield question["gold"], aggregate(settings, FailurePolicy(), children, {})


def is_right(value, gold):
    if value is None:
        return False
    one, other = read_number(value), read_number(gold)
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return one == other
    return value.casefold() == gold.casefold()


@pytest.mark.parametrize("name", FIXED_40)
def test_forty_votes_with_ties_by_first_seen_reach_the_known_accuracy(name):
    ended = list(outcomes(name, Majority(ties="first_seen")))
    right = sum(is_right(outcome.value, gold) for gold, outcome in ended)
    assert round(100 * right / len(ended), 2) == FIXED_40[name]


@pytest.mark.parametrize("ties", ["declare", "first_seen"])
def test_declared_ties_are_named_not_guessed(ties):
    ended = list(outcomes("gsm8k__gpt-4o-mini", Majority(ties=ties)))
    declared = sum(outcome.kind is OutcomeKind.TIE for _, outcome in ended)
    right = sum(is_right(outcome.value, gold) for gold, outcome in ended)
    expected = {"declare": (4, 94.08), "first_seen": (0, 94.23)}
    assert (declared, round(100 * right / len(ended), 2)) == expected[ties]


def test_numbers_and_whole_texts_are_the_same_votes_on_whole_numbers():
    name = "aime2024__o3-mini-low"
    whole = [outcome.value for _, outcome in outcomes(name, Majority())]
    reader = Reader(ReaderKind.NUMBER)
    assert whole == [outcome.value for _, outcome in outcomes(name, Majority(reader=reader))]
