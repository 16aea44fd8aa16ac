"""What every aggregator keeps to. A new method adds a line to `METHODS_UNDER_TEST`."""

import itertools
import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from runs.aggregation.registry import METHODS, aggregate, read, reads
from runs.domain.joins import Concatenate, Gate, Judge, Majority, Merge, Union
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import (
    FAILED_OUTCOMES,
    Ask,
    ChildState,
    ContributionKind,
    OutcomeKind,
)
from tests.effort import Effort
from tests.unit.aggregation.children import answered, cancelled, failed, failed_guard, spared
from tests.unit.aggregation.methods import (
    GO_ON,
    METHODS_UNDER_TEST,
    ROLES,
    models,
    outcome_of,
    policies,
    readable,
    some_children,
)

every_method = pytest.mark.parametrize(
    "settings", METHODS_UNDER_TEST, ids=lambda s: f"{s.method}-{METHODS_UNDER_TEST.index(s)}"
)


def test_every_registered_method_is_under_test():
    assert {type(settings) for settings in METHODS_UNDER_TEST} == set(METHODS)


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_no_child_is_lost_and_contributions_sum_to_the_children(settings, data):
    """Whatever the answers, the policy and the models that the join asks."""
    children = data.draw(some_children(settings))
    outcome = outcome_of(settings, children, data.draw(policies), data.draw(models))
    assert [c.child for c in outcome.contributions] == [child.index for child in children]
    assert all(c.reason for c in outcome.contributions)
    counts = Counter(c.kind for c in outcome.contributions)
    quality = outcome.quality
    assert quality["expected"] == len(children) == sum(counts.values())
    assert quality["used"] == counts[ContributionKind.USED]
    assert quality["outvoted"] == counts[ContributionKind.OUTVOTED]
    assert quality["duplicates"] == counts[ContributionKind.DUPLICATE]
    assert quality["failed"] == counts[ContributionKind.FAILED]
    assert quality["missing"] == counts[ContributionKind.MISSING]
    assert quality["unreadable"] == counts[ContributionKind.UNREADABLE]
    assert quality["spared"] == counts[ContributionKind.SPARED]
    assert 0 <= quality["coverage"] <= 1
    assert outcome.detail
    json.dumps(outcome.quality, allow_nan=False)


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_the_order_of_arrival_changes_nothing(settings, data):
    children = data.draw(some_children(settings))
    policy, model = data.draw(policies), data.draw(models)
    shuffled = data.draw(st.permutations(children))
    assert aggregate(settings, policy, children, {}) == aggregate(settings, policy, shuffled, {})
    first = outcome_of(settings, children, policy, model)
    second = outcome_of(settings, shuffled, policy, model)
    assert first == second
    assert json.dumps(first.quality) == json.dumps(second.quality), "the order within, too"


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_states_without_an_answer_are_contributions_of_their_own(settings, data):
    children = data.draw(some_children(settings))
    outcome = outcome_of(settings, children, model=data.draw(models))
    expected = {
        ChildState.FAILED: ContributionKind.FAILED,
        ChildState.CANCELLED: ContributionKind.MISSING,
        ChildState.SPARED: ContributionKind.SPARED,
    }
    for child, contribution in zip(children, outcome.contributions, strict=True):
        if child.state is not ChildState.ANSWERED:
            assert contribution.kind is expected[child.state]
        elif not child.text.strip():
            assert contribution.kind is ContributionKind.UNREADABLE
        else:
            assert contribution.kind is not ContributionKind.SPARED


@every_method
@examples(max_examples=25)
@given(data=st.data())
def test_no_text_makes_a_join_raise(settings, data):
    """Any characters: zero-width, right to left, controls, halves of surrogates."""
    texts = st.text(st.characters(codec=None), max_size=60) | st.text('{}[]":,\\- a1\n\u200b\u202e')
    children = data.draw(some_children(settings, texts, most=5))
    outcome = outcome_of(settings, children)
    assert len(outcome.contributions) == len(children)


@every_method
@pytest.mark.parametrize(
    "text",
    [
        "\u200b\u202e\ufeff",
        "\x00\x1b[31m5\x07",
        "\u202e5 ,pass\u202c",
        "[" * 50_000,
        '{"a":' * 20_000 + "5" + "}" * 20_000,
        "[" * 20_000 + "]" * 20_000,
        '{"a": "\\ud800\\u0000", "name": "\\udfff"}',
        '[{"name": "\\ud800"}, null, NaN, 1e999, {"name": [[]]}]',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5_000 + "}",
        "9" * 100_000,
        "a" * 300_000,
        "a, " * 50_000,
        "- item\n" * 50_000,
        '"' * 100_000,
        "```json\n" * 20_000,
        "(" * 100_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_hostile_answers_take_no_long_time(settings, text):
    effort = Effort()
    role = ROLES.get(type(settings), Role.SECTION)
    children = [answered(0, text), answered(1, text, role=role), answered(2, readable(settings))]
    outcome = outcome_of(settings, children)
    assert len(outcome.contributions) == 3
    json.dumps(outcome.quality, allow_nan=False)
    assert all(len(c.reason) < 2_000 for c in outcome.contributions)
    assert len(outcome.detail) < 2_000
    assert effort.seconds() < 5


@every_method
def test_no_children_at_all_is_no_quorum(settings):
    outcome = outcome_of(settings, [])
    assert (outcome.kind, outcome.value, outcome.contributions) == (OutcomeKind.NO_QUORUM, None, ())


@every_method
@pytest.mark.parametrize("make", [failed, cancelled, spared], ids=lambda make: make.__name__)
def test_nothing_usable_is_no_quorum_with_every_child_named(settings, make):
    outcome = outcome_of(settings, [make(index) for index in range(4)])
    assert outcome.kind is OutcomeKind.NO_QUORUM
    assert outcome.value is None
    assert len(outcome.contributions) == 4
    assert outcome.quality["coverage"] == 0


@every_method
def test_one_usable_child_is_enough_where_gaps_are_marked(settings):
    outcome = outcome_of(settings, [answered(0, readable(settings)), failed(1), cancelled(2)])
    kinds = [c.kind for c in outcome.contributions]
    if isinstance(settings, Union) and settings.least_support == 2:  # one alone cannot give it
        assert (outcome.kind, outcome.value) == (OutcomeKind.NO_QUORUM, None)
        assert kinds == ["missing", "failed", "missing"]
        return
    assert kinds == ["used", "failed", "missing"]
    if isinstance(settings, Gate):  # it has nobody to let the answer pass
        assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
    else:
        assert outcome.kind not in FAILED_OUTCOMES
        assert "5" in (outcome.value or "")


@every_method
@pytest.mark.parametrize("rule", [OnFailure.ALL, OnFailure.STOP])
def test_where_every_branch_is_needed_one_failure_fails_the_join_and_names_it(settings, rule):
    text = readable(settings)
    children = [answered(0, text), answered(1, text), failed(2), cancelled(3)]
    outcome = outcome_of(settings, children, FailurePolicy(rule))
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    assert "Document 3" in outcome.detail
    assert all("Document 3" in c.reason for c in outcome.contributions[:2])
    assert [c.kind for c in outcome.contributions] == ["missing", "missing", "failed", "missing"]
    assert outcome.quality["answered"] == 2


@every_method
def test_fewer_than_asked_for_is_no_quorum(settings):
    text = readable(settings)
    children = [answered(0, text), answered(1, text), failed(2)]
    policy = FailurePolicy(OnFailure.AT_LEAST, 3)
    outcome = outcome_of(settings, children, policy)
    assert (outcome.kind, outcome.value) == (OutcomeKind.NO_QUORUM, None)
    assert "2 of 3" in outcome.detail
    enough = outcome_of(settings, children, FailurePolicy(OnFailure.AT_LEAST, 2))
    assert enough.kind is not OutcomeKind.NO_QUORUM


@every_method
def test_gaps_are_stated(settings):
    """Joins of texts and lists say in the outcome what is missing; votes and gates count it."""
    role = ROLES.get(type(settings), Role.SECTION)
    text = readable(settings)
    children = [answered(0, text), failed(1), answered(2, text, role=role), cancelled(3)]
    outcome = outcome_of(settings, children)
    assert (outcome.quality["failed"], outcome.quality["missing"]) == (1, 1)
    if isinstance(settings, Concatenate | Merge | Union):
        assert outcome.kind is OutcomeKind.JOINED_WITH_GAPS
        assert "Document 2" in outcome.detail
        assert "Document 4" in outcome.detail


@every_method
def test_an_accepted_cut_answer_is_told(settings):
    role = ROLES.get(type(settings), Role.SECTION)
    children = [
        answered(0, readable(settings)),
        answered(1, readable(settings), role=role, is_cut=True),
    ]
    outcome = outcome_of(settings, children)
    if not isinstance(settings, Gate):  # a cut guard lets nothing pass
        assert outcome.contributions[1].kind != "unreadable", "a cut answer can be read"
    told = " ".join((outcome.detail, *(c.reason for c in outcome.contributions)))
    assert "cut" in told


@every_method
def test_a_model_that_fails_or_talks_nonsense_never_decides(settings):
    """All answers stay named; no other rule steps in for a judge or a merge."""
    children = [answered(index, f"{readable(settings, index)}") for index in range(3)]
    asks = isinstance(aggregate(settings, GO_ON, children, {}), Ask)
    outcome = outcome_of(settings, children, model=lambda call: None)
    assert len(outcome.contributions) == 3
    if isinstance(settings, Judge | Majority | Merge) and asks:
        assert outcome.kind in {OutcomeKind.JUDGE_FAILED, OutcomeKind.MERGE_FAILED}
        assert outcome.value is None


@every_method
def test_what_is_read_is_short_and_only_of_the_roles_that_are_read(settings):
    long = "word " * 1000
    for text in (long, readable(settings), json.dumps({"a": 5, "b": long})):
        for role in Role:
            value = read(settings, text, role)
            assert value is None or (reads(settings, role) and 0 < len(value) <= 200)
    if reads(settings, Role.SECTION):
        assert read(settings, readable(settings), Role.SECTION)
    assert reads(settings) is not isinstance(settings, Concatenate | Merge)


@every_method
def test_a_join_of_a_thousand_children_takes_no_long_time(settings):
    role = ROLES.get(type(settings), Role.SECTION)
    children = [
        answered(index, readable(settings, index % 7), role=role if index else Role.SECTION)
        for index in range(1000)
    ]
    random.Random(5).shuffle(children)
    assert outcome_of(settings, children).quality["expected"] == 1000


@pytest.mark.parametrize(
    "settings", [Majority(), Majority(ties="first_seen"), Gate(), Union(likeness=60)]
)
def test_every_order_of_a_small_vote_gives_the_same(settings):
    children = [
        answered(0, "pass"),
        answered(1, "Pass.", role=Role.GUARD),
        answered(2, "block", role=Role.GUARD),
        failed_guard(3),
    ]
    outcomes = [aggregate(settings, GO_ON, order, {}) for order in itertools.permutations(children)]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert not isinstance(outcomes[0], Ask)
