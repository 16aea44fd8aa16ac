"""Unions of recorded lists of real models against gold. Skipped where they are not at hand.

Exact folding; 20 draws of n of the 24 voters; counts added up over all draws and documents.
"""

import json
import random
from functools import cache

import pytest

from runs.aggregation.items import hits
from runs.aggregation.registry import aggregate
from runs.domain.joins import Union
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Child, ChildState
from tests.recordings import recording

NAME = "union_biodivner__24_voters"
VOTERS = 24
DRAWS = 20
FIRST_SEED = 13  # draws differ by some points; these lie near the mean of all
WITHIN = 1.5  # points
KNOWN = {  # (voters, least support): precision, recall, F1 in per cent
    (5, 1): (23.6, 75.2, 35.9),
    (5, "majority"): (44.9, 54.6, 49.3),
    (5, "all"): (55.0, 25.9, 35.2),
    (24, 1): (16.5, 84.7, 27.6),
    (24, "majority"): (50.2, 54.8, 52.4),
    (24, "all"): (61.5, 15.7, 25.1),
}


@cache
def documents():
    with recording(NAME).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def figures(voters, least, draws=DRAWS):
    """Precision, recall and F1 in per cent."""
    found = [0, 0, 0]
    for seed in range(FIRST_SEED, FIRST_SEED + (draws if voters < VOTERS else 1)):
        drawn = random.Random(seed).sample(range(VOTERS), voters)
        for document in documents():
            counts = hits(Union().items, joined(document, drawn, least), gold(document))
            found = [have + more for have, more in zip(found, counts, strict=True)]
    precision, recall = 100 * found[0] / found[1], 100 * found[0] / found[2]
    return precision, recall, 2 * precision * recall / (precision + recall)


def joined(document, drawn, least):
    children = [child(index, document["samples"][voter]) for index, voter in enumerate(drawn)]
    return aggregate(Union(least_support=least), FailurePolicy(), children, {}).value


def child(index, sample):
    text = "\n".join(sample["items"]) or "[]"
    return Child(index, "", ChildState.ANSWERED, text, role=Role.VOTE)


def gold(document):
    return "\n".join(document["gold"]) or "[]"


@pytest.mark.parametrize(("voters", "least"), KNOWN)
def test_the_join_reaches_the_known_precision_and_recall(voters, least):
    assert figures(voters, least) == pytest.approx(KNOWN[voters, least], abs=WITHIN)


@pytest.mark.parametrize("voters", [3, 9])
def test_the_more_answers_must_name_an_item_the_better_the_list_and_the_fewer_it_finds(voters):
    steps = [figures(voters, least, draws=4) for least in (1, 2, "majority", "all")]
    precision, recall, _ = zip(*steps, strict=True)
    assert list(precision) == sorted(precision)
    assert list(recall) == sorted(recall, reverse=True)
