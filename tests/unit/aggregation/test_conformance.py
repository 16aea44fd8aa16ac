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
from runs.domain.joins import (
    Concatenate,
    Gate,
    JoinSettings,
    Judge,
    Majority,
    Merge,
    Reader,
    ReaderKind,
)
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import (
    FAILED_OUTCOMES,
    Ask,
    CallKey,
    Child,
    ChildState,
    ContributionKind,
    JoinCall,
    Outcome,
    OutcomeKind,
)
from tests.unit.aggregation.children import answered, cancelled, failed, failed_guard, spared

GO_ON = FailurePolicy()
NUMBERS = Reader(ReaderKind.NUMBER)
METHODS_UNDER_TEST: list[JoinSettings] = [
    Concatenate(),
    Concatenate(heading=False, separator=", "),
    Majority(),
    Majority(ties="first_seen"),
    Majority(least_share=0.6),
    Majority(reader=NUMBERS),
    Merge(parts=2),
    Merge(parts=6),
    Merge(parts=3, check=True),
    Judge(),
    Judge(mode="score"),
    Majority(ties="judge"),
    Gate(),
    Gate(require="any"),
]
every_method = pytest.mark.parametrize(
    "settings", METHODS_UNDER_TEST, ids=lambda s: f"{s.method}-{METHODS_UNDER_TEST.index(s)}"
)
ROLES = {Gate: Role.GUARD}


def outcome_of(
    settings: JoinSettings, children: list[Child], policy: FailurePolicy = GO_ON
) -> Outcome:
    """Answer every call the join asks for until it gives an outcome."""
    calls: dict[CallKey, Child] = {}
    for _ in range(100):
        result = aggregate(settings, policy, children, calls)
        if isinstance(result, Outcome):
            return result
        assert result.calls
        for call in result.calls:
            assert call.key not in calls
            calls[call.key] = answered(call.key.index, answer_of(call), role=call.key.role)
    raise AssertionError("the join never ends")


def answer_of(call: JoinCall) -> str:
    """A judge picks the same answer in both orders; in a merge's check nothing can be read."""
    menu = (call.schema or {}).get("properties", {}).get("answer", {}).get("enum")
    if menu is None:
        return f"merged {call.key}"
    return json.dumps({"answer": menu[-1 if call.key.index % 2 else 0]})


@st.composite
def some_children(draw, role=Role.SECTION, most=12):
    """Children in any state; the first is a section, the others are of `role`."""
    texts = st.sampled_from(["pass", "block", "5", "5.0", "six", "", "  ", "yes", "Yes.", "a\nb"])
    children = []
    for index in range(draw(st.integers(0, most))):
        state = draw(st.sampled_from(ChildState))
        text = draw(texts) if state is ChildState.ANSWERED else ""
        reason = "" if state is ChildState.ANSWERED else draw(st.sampled_from(["", "because"]))
        child_role = role if index else Role.SECTION
        is_cut = draw(st.booleans())
        children.append(Child(index, f"D{index}", state, text, reason, is_cut, child_role))
    return children


policies = st.builds(FailurePolicy, st.sampled_from(OnFailure), st.integers(1, 12))


def test_every_registered_method_is_under_test():
    assert {type(settings) for settings in METHODS_UNDER_TEST} == set(METHODS)


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_no_child_is_lost_and_contributions_sum_to_the_children(settings, data):
    children = data.draw(some_children(ROLES.get(type(settings), Role.SECTION)))
    outcome = outcome_of(settings, children, data.draw(policies))
    assert [c.child for c in outcome.contributions] == [child.index for child in children]
    assert all(c.reason for c in outcome.contributions)
    counts = Counter(c.kind for c in outcome.contributions)
    quality = outcome.quality
    assert quality["expected"] == len(children) == sum(counts.values())
    assert quality["used"] == counts[ContributionKind.USED]
    assert quality["failed"] == counts[ContributionKind.FAILED]
    assert quality["missing"] == counts[ContributionKind.MISSING]
    assert quality["unreadable"] == counts[ContributionKind.UNREADABLE]
    assert 0 <= quality["coverage"] <= 1
    assert outcome.detail


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_the_order_of_arrival_changes_nothing(settings, data):
    children = data.draw(some_children(ROLES.get(type(settings), Role.SECTION)))
    policy = data.draw(policies)
    shuffled = data.draw(st.permutations(children))
    assert aggregate(settings, policy, children, {}) == aggregate(settings, policy, shuffled, {})
    first, second = outcome_of(settings, children, policy), outcome_of(settings, shuffled, policy)
    assert first == second
    assert list(first.quality.get("tally", {})) == list(second.quality.get("tally", {}))


@every_method
@examples(max_examples=40)
@given(data=st.data())
def test_states_without_an_answer_are_contributions_of_their_own(settings, data):
    children = data.draw(some_children(ROLES.get(type(settings), Role.SECTION)))
    outcome = outcome_of(settings, children)
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
    outcome = outcome_of(settings, [answered(0, "5"), failed(1), cancelled(2)])
    assert [c.kind for c in outcome.contributions] == ["used", "failed", "missing"]
    if isinstance(settings, Gate):  # it has nobody to let the answer pass
        assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
    else:
        assert outcome.kind not in FAILED_OUTCOMES
        assert "5" in (outcome.value or "")


@every_method
@pytest.mark.parametrize("rule", [OnFailure.ALL, OnFailure.STOP])
def test_where_every_branch_is_needed_one_failure_fails_the_join_and_names_it(settings, rule):
    children = [answered(0, "5"), answered(1, "5"), failed(2), cancelled(3)]
    outcome = outcome_of(settings, children, FailurePolicy(rule))
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    assert "Document 3" in outcome.detail
    assert all("Document 3" in c.reason for c in outcome.contributions[:2])
    assert [c.kind for c in outcome.contributions] == ["missing", "missing", "failed", "missing"]
    assert outcome.quality["answered"] == 2


@every_method
def test_fewer_than_asked_for_is_no_quorum(settings):
    children = [answered(0, "5"), answered(1, "5"), failed(2)]
    policy = FailurePolicy(OnFailure.AT_LEAST, 3)
    outcome = outcome_of(settings, children, policy)
    assert (outcome.kind, outcome.value) == (OutcomeKind.NO_QUORUM, None)
    assert "2 of 3" in outcome.detail
    enough = outcome_of(settings, children, FailurePolicy(OnFailure.AT_LEAST, 2))
    assert enough.kind is not OutcomeKind.NO_QUORUM


@every_method
def test_gaps_are_stated(settings):
    """Joins of texts say in the text or the outcome what is missing; votes and gates count it."""
    role = ROLES.get(type(settings), Role.SECTION)
    children = [answered(0, "one"), failed(1), answered(2, "two", role=role), cancelled(3)]
    outcome = outcome_of(settings, children)
    assert (outcome.quality["failed"], outcome.quality["missing"]) == (1, 1)
    if isinstance(settings, Concatenate | Merge):
        assert outcome.kind is OutcomeKind.JOINED_WITH_GAPS
        assert "Document 2" in outcome.detail
        assert "Document 4" in outcome.detail


@every_method
def test_an_accepted_cut_answer_is_told(settings):
    role = ROLES.get(type(settings), Role.SECTION)
    children = [answered(0, "5"), answered(1, "pass 5", role=role, is_cut=True)]
    outcome = outcome_of(settings, children)
    if isinstance(settings, Majority) and outcome.contributions[1].kind == "unreadable":
        pytest.fail("a cut answer can be read")
    told = " ".join((outcome.detail, *(c.reason for c in outcome.contributions)))
    assert "cut" in told


@every_method
def test_what_is_read_is_short_and_only_of_the_roles_that_are_read(settings):
    long = "word " * 1000
    for role in Role:
        value = read(settings, long, role)
        assert value is None or (reads(settings, role) and 0 < len(value) <= 200)
    assert reads(settings) is isinstance(settings, Majority | Gate | Judge)


@every_method
def test_a_join_of_a_thousand_children_takes_no_long_time(settings):
    role = ROLES.get(type(settings), Role.SECTION)
    children = [answered(index, f"pass {index % 7}", role=role if index else Role.SECTION)
                for index in range(1000)]  # fmt: skip
    random.Random(5).shuffle(children)
    assert outcome_of(settings, children).quality["expected"] == 1000


@pytest.mark.parametrize("settings", [Majority(), Majority(ties="first_seen"), Gate()])
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
