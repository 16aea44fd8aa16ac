"""Gate: released or withheld, and why."""

import itertools

import pytest

from runs.aggregation.registry import aggregate
from runs.domain.joins import Gate, Reader, ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import Child, ChildState, OutcomeKind
from tests.unit.aggregation.children import answered, failed, failed_guard, guard

ANY = Gate(require="any")
MAIN = answered(0, "The answer.")


def ask(*children, settings=None, policy=None):
    return aggregate(settings or Gate(), policy or FailurePolicy(), children, {})


def test_the_answer_is_released_when_every_guard_lets_it_pass():
    outcome = ask(MAIN, guard(1, "pass"), guard(2, "Pass."))
    assert (outcome.kind, outcome.value) == (OutcomeKind.RELEASED, "The answer.")
    assert [c.kind for c in outcome.contributions] == ["used", "used", "used"]
    assert outcome.contributions[0].value is None
    assert outcome.quality["passed"] == outcome.quality["guards"] == 2


def test_one_guard_withholds_and_the_answer_is_kept_but_not_given():
    outcome = ask(MAIN, guard(1, "pass"), guard(2, "block"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
    assert [c.kind for c in outcome.contributions] == ["used", "outvoted", "used"]
    assert "withheld" in outcome.contributions[0].reason
    assert outcome.detail == (
        "Withheld: Document 3 said no. For a release every guard must let the answer pass."
    )
    assert "The answer." not in repr(outcome)


def test_any_guard_is_enough_where_any_is_asked_for():
    outcome = ask(MAIN, guard(1, "block"), guard(2, "pass"), settings=ANY)
    assert (outcome.kind, outcome.value) == (OutcomeKind.RELEASED, "The answer.")
    assert [c.kind for c in outcome.contributions] == ["used", "outvoted", "used"]


@pytest.mark.parametrize(
    ("broken", "kind", "why"),
    [
        (failed_guard(1), "failed", "Safety gave no verdict because its call did not succeed"),
        (guard(1, "hard to say"), "unreadable", "Document 2 gave no verdict that can be read"),
        (guard(1, "pass or block"), "unreadable", "no verdict that can be read"),
        (guard(1, "does not pass"), "unreadable", "no verdict that can be read"),
        (
            Child(1, "Tone", ChildState.CANCELLED, reason="budget", role=Role.GUARD),
            "missing",
            "Tone gave no verdict because its call did not succeed",
        ),
        (Child(1, "Tone", ChildState.SPARED, role=Role.GUARD), "spared", "Tone gave no verdict"),
    ],
)
def test_a_guard_without_a_verdict_withholds_with_a_clear_reason(broken, kind, why):
    outcome = ask(MAIN, broken, guard(2, "pass"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
    assert outcome.contributions[1].kind == kind
    assert why in outcome.detail
    open_anyway = ask(MAIN, broken, guard(2, "pass"), settings=ANY)
    assert open_anyway.kind is OutcomeKind.RELEASED
    assert "Without a verdict" in open_anyway.detail


def test_no_guard_lets_nothing_pass():
    assert ask(MAIN).kind is OutcomeKind.WITHHELD
    assert ask(MAIN, settings=ANY).kind is OutcomeKind.WITHHELD


def test_without_a_main_answer_there_is_nothing_to_release():
    outcome = ask(failed(0), guard(1, "pass"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    assert [c.kind for c in outcome.contributions] == ["failed", "missing"]
    assert ask(guard(0, "pass")).kind is OutcomeKind.FAILED
    assert ask(answered(0, " "), guard(1, "pass")).kind is OutcomeKind.FAILED


def test_only_the_first_main_answer_counts():
    outcome = ask(MAIN, answered(1, "Another."), guard(2, "pass"))
    assert outcome.value == "The answer."
    assert outcome.contributions[1].kind == "missing"


def test_a_policy_that_needs_every_branch_fails_before_the_gate_opens():
    policy = FailurePolicy(OnFailure.ALL)
    outcome = ask(MAIN, guard(1, "pass"), failed_guard(2), settings=ANY, policy=policy)
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    assert [c.value for c in outcome.contributions] == [None, "pass", None]


def test_the_words_that_pass_are_compared_as_votes_are():
    settings = Gate(reader=Reader(ReaderKind.LAST_LINE), passes=("OK", "fine"))
    assert ask(MAIN, guard(1, "…\n**ok!**"), settings=settings).kind is OutcomeKind.RELEASED
    assert ask(MAIN, guard(1, "not ok"), settings=settings).kind is OutcomeKind.WITHHELD


def test_a_cut_guard_lets_nothing_pass_and_a_cut_answer_is_told():
    """“It would pass if …” must not be read as a verdict."""
    cut = answered(1, "It would pass if", role=Role.GUARD, is_cut=True)
    outcome = ask(MAIN, cut)
    assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
    assert outcome.contributions[1].kind == "unreadable"
    assert "cut by the output limit" in outcome.contributions[1].reason
    released = ask(answered(0, "The answer", is_cut=True), guard(1, "pass"))
    assert released.kind is OutcomeKind.RELEASED
    assert "cut by the output limit" in released.contributions[0].reason


@pytest.mark.parametrize("settings", [Gate(), ANY], ids=["all", "any"])
@pytest.mark.parametrize(
    "policy",
    [
        FailurePolicy(),
        FailurePolicy(OnFailure.AT_LEAST, 2),
        FailurePolicy(OnFailure.ALL),
        FailurePolicy(OnFailure.STOP),
    ],
    ids=lambda policy: policy.on_failure,
)
def test_an_answer_goes_out_only_by_the_rule_whatever_the_policy(settings, policy):
    """Every mix of three guards: nothing is released that the rule does not let out, and the text
    of what is not released stands nowhere in the outcome."""
    guards = [
        lambda index: guard(index, "pass"),
        lambda index: guard(index, "block"),
        lambda index: guard(index, "pass or block"),
        failed_guard_at,
    ]
    for makes in itertools.product(guards, repeat=3):
        beside = [make(index + 1) for index, make in enumerate(makes)]
        outcome = ask(MAIN, *beside, settings=settings, policy=policy)
        passed = makes.count(guards[0])
        may = passed == 3 if settings.require == "all" else passed > 0
        if policy.on_failure in {OnFailure.ALL, OnFailure.STOP}:
            may = may and guards[3] not in makes
        assert (outcome.kind is OutcomeKind.RELEASED) == may
        assert ("The answer." in repr(outcome)) == may
        assert len(outcome.contributions) == 4
        assert outcome.quality["tally"].get("pass", 0) == passed


def failed_guard_at(index):
    return Child(index, "Safety", ChildState.FAILED, reason="Failed.", role=Role.GUARD)


def test_no_reading_of_a_guard_is_shown_in_place_of_the_answer():
    hostile = "block\nThe answer. {{ input }}"
    outcome = ask(MAIN, guard(1, hostile), settings=Gate(reader=Reader(ReaderKind.LAST_LINE)))
    assert (outcome.kind, outcome.value) == (OutcomeKind.WITHHELD, None)
