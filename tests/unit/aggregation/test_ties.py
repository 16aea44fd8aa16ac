"""Majority with weights, and ties before a judge: exact, and never settled by luck."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from runs.aggregation.majority import tallied, weight_of
from runs.aggregation.registry import aggregate
from runs.domain.joins import JudgeCall, Majority, Reader, ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy
from runs.domain.results import Ask, CallKey, Child, ChildState, OutcomeKind
from tests.effort import Effort
from tests.unit.aggregation.children import answered, failed, votes

GO_ON = FailurePolicy()
JUDGED = Majority(ties="judge")
DOWN = Child(0, "", ChildState.FAILED, reason="Failed after 2 tries. Connection refused.")


def decide(children, settings=JUDGED, calls=None):
    return aggregate(settings, GO_ON, children, calls or {})


def key(index, level=0):
    return CallKey(Role.JUDGE, level, index)


def verdicts(first, second):
    both = (
        item if isinstance(item, Child) else answered(0, item, role=Role.JUDGE)
        for item in (first, second)
    )
    return {key(index): child for index, child in enumerate(both)}


def voters(*pairs):
    return [
        Child(index, "", ChildState.ANSWERED, text, role=Role.VOTE, voter=voter)
        for index, (voter, text) in enumerate(pairs)
    ]


# -- weights ---------------------------------------------------------------------------------


def test_votes_weigh_what_their_voter_or_their_number_weighs():
    settings = Majority(weights={"big": 2.5, "2": 0.5})
    assert weight_of(settings, 0, "big") == Fraction(5, 2)
    assert weight_of(settings, 1, "big") == Fraction(1, 2), "the number says it more exactly"
    assert weight_of(settings, 2, "small") == 1
    assert weight_of(Majority(), 0, "big") == 1


def test_the_heavier_side_wins_against_more_votes_and_both_are_told():
    children = voters(("small", "a"), ("big", "b"), ("small", "a"))
    outcome = decide(children, Majority(weights={"big": 2.5}))
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "b")
    assert [c.kind for c in outcome.contributions] == ["outvoted", "used", "outvoted"]
    quality = outcome.quality
    assert quality["tally"] == {"b": 1, "a": 2}
    assert quality["weights"] == {"b": 2.5, "a": 2}
    assert (quality["weight"], quality["votes"]) == (4.5, 3)
    assert quality["agreement"] == pytest.approx(2.5 / 4.5)
    assert quality["margin"] == 0.5
    assert outcome.detail == "“b” has 1 of 3 votes, with a weight of 2.5 of 4.5."
    assert outcome.contributions[0].reason == (
        "Voted “a”, which has 2 of 3 votes, with a weight of 2 of 4.5."
    )


def test_weights_are_added_exactly():
    """Ten times 0.1 is 1, and 0.1 + 0.2 is 0.3."""
    settings = Majority(weights={"tenth": 0.1})
    children = voters(*[("tenth", "a")] * 10, ("one", "b"))
    outcome = decide(children, settings)
    assert outcome.kind is OutcomeKind.TIE
    assert outcome.detail == "“a” and “b” have a weight of 1 each of 2, in 11 votes."
    mixed = Majority(weights={"x": 0.1, "y": 0.2, "z": 0.3})
    assert decide(voters(("x", "a"), ("y", "a"), ("z", "b")), mixed).kind is OutcomeKind.TIE


@pytest.mark.parametrize(("share", "kind"), [(0.7, "decided"), (0.71, "undecided")])
def test_the_least_share_is_one_of_the_weight(share, kind):
    children = voters(("x", "a"), ("y", "b"))
    outcome = decide(children, Majority(weights={"x": 0.7, "y": 0.3}, least_share=share))
    assert outcome.kind == kind
    assert ("71% of the weight is needed" in outcome.detail) == (kind == "undecided")


def test_weights_that_are_all_one_change_nothing():
    children = votes("a", "b", "a")
    assert decide(children, Majority(weights={"nobody": 3})) == decide(children, Majority())


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_tally_is_the_sum_of_the_weights_in_any_order(pairs, random):
    settings = Majority(weights={"x": 0.1, "y": 2.0})
    weights = {"x": Fraction(1, 10), "y": 2, "z": 1}
    children = voters(*pairs)
    tally = tallied(settings, random.sample(children, len(children)))
    for value in tally.votes:
        assert tally.weights[value] == sum(weights[who] for who, said in pairs if said == value)
    ranked = list(tally.weights.values())
    assert ranked == sorted(ranked, reverse=True)
    assert tally.weight == sum(ranked)
    assert list(tally.votes) == list(tallied(settings, children).votes)


def test_votes_on_a_data_set_are_counted_fast():
    settings = Majority(ties="first_seen")
    children = votes(*(str(number % 7) for number in range(40)))
    effort = Effort()
    for _ in range(100):
        decide(children, settings)
    assert effort.seconds() < 1, "1,318 of them are to take a few seconds at most"


# -- ties before a judge -----------------------------------------------------------------------


def test_a_tie_asks_the_judge_for_the_tied_values_alone_in_both_orders():
    result = decide(votes("a", "b", "c", "b", "a"))
    assert [call.key for call in result.calls] == [key(0), key(1)]
    assert all("\nc\n" not in call.prompt for call in result.calls)
    assert result.calls[0].prompt.index("\na\n") < result.calls[0].prompt.index("\nb\n")
    assert result.calls[1].prompt.index("\na\n") > result.calls[1].prompt.index("\nb\n")
    assert result.calls[0].schema["properties"]["answer"]["enum"] == ["A", "B"]


def test_without_a_tie_no_judge_is_asked():
    assert decide(votes("a", "b", "a")).kind is OutcomeKind.DECIDED
    assert decide(votes("a")).kind is OutcomeKind.DECIDED


def test_a_tie_below_the_least_share_is_undecided_without_asking():
    outcome = decide(votes("a", "b"), Majority(ties="judge", least_share=0.6))
    assert outcome.kind is OutcomeKind.UNDECIDED


def test_verdicts_that_agree_settle_the_tie():
    outcome = decide(votes("A.", "b", "c", "B", "a"), calls=verdicts("B", "A"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "b")
    assert [c.kind for c in outcome.contributions] == [
        "outvoted", "used", "outvoted", "used", "outvoted",
    ]  # fmt: skip
    assert outcome.detail == (
        "“A” and “b” have 2 votes each of 5. A judge settled the tie, in both orders: “b”."
    )
    assert outcome.contributions[0].reason == (
        "Voted “A”, which has 2 of 5 votes; the judge chose “b”."
    )
    assert outcome.contributions[2].reason == "Voted “c”, which has 1 of 5 votes."
    assert outcome.contributions[1].reason == ("Voted “b”, tied for the lead; the judge chose “b”.")
    assert outcome.quality["judge_disagreed"] is False
    assert outcome.quality["margin"] == 0


def test_verdicts_that_differ_leave_the_tie():
    outcome = decide(votes("a", "b", "c", "b", "a"), calls=verdicts("A", "A"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.TIE, None)
    assert outcome.quality["judge_disagreed"] is True
    assert outcome.quality["leaders"] == ["a", "b"]
    assert "gave different answers in the two orders: “a” and “b”. The tie stays." in outcome.detail
    assert [c.kind for c in outcome.contributions] == ["used", "used", "outvoted", "used", "used"]


@pytest.mark.parametrize("broken", [DOWN, "C", "a or b", "", "neither"])
@pytest.mark.parametrize("order", [0, 1])
def test_a_judge_without_a_verdict_fails_and_keeps_every_vote(broken, order):
    both = ["A", "A"]
    both[order] = broken
    outcome = decide([*votes("a", "b", "c", "b", "a"), failed(5)], calls=verdicts(*both))
    assert (outcome.kind, outcome.value) == (OutcomeKind.JUDGE_FAILED, None)
    assert f"The judge gave no verdict in the {['first', 'second'][order]} order" in outcome.detail
    assert outcome.detail.startswith("“a” and “b” have 2 votes each of 5.")
    kinds = [c.kind for c in outcome.contributions]
    assert kinds == ["used", "used", "outvoted", "used", "used", "failed"]
    assert outcome.contributions[0].reason == (
        "Voted “a”, tied for the lead; the judge settled nothing."
    )
    assert [c.value for c in outcome.contributions] == ["a", "b", "c", "b", "a", None]
    assert outcome.quality["tally"] == {"a": 2, "b": 2, "c": 1}


def test_what_was_read_stands_beside_the_answer_it_was_read_from():
    settings = Majority(ties="judge", reader=Reader(ReaderKind.NUMBER))
    call = decide(votes("2 + 2 = 4", "5"), settings).calls[0]
    assert "2 + 2 = 4\n\nRead as: 4\n</answer-" in call.prompt
    assert ">\n5\n</answer-" in call.prompt
    with_task = Majority(ties="judge", judge=JudgeCall(task="What is 2 + 2?"))
    assert "What is 2 + 2?" in decide(votes("4", "5"), with_task).calls[0].prompt


def test_ties_of_very_many_values_are_judged_in_groups():
    children, calls = votes(*(f"v{number}" for number in range(40))), {}
    while isinstance(result := decide(children, calls=calls), Ask):
        for call in result.calls:
            last = len(call.schema["properties"]["answer"]["enum"]) - 1
            letter = "ABCDEFGH"[0 if call.key.index % 2 == 0 else last]
            calls[call.key] = answered(0, letter, role=Role.JUDGE)
    assert (result.kind, result.value) == (OutcomeKind.DECIDED, "v0")
    assert result.quality["judge_calls"] == 12


@examples(deadline=None)
@given(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=12),
    st.lists(st.sampled_from(["A", "B", "C", "?"]), min_size=2, max_size=2),
    st.randoms(use_true_random=False),
)
def test_a_tie_is_decided_only_by_two_verdicts_that_agree_in_any_order(texts, said, random):
    children, calls = votes(*texts), verdicts(*said)
    outcome = decide(children, calls=calls)
    shuffled = random.sample(children, len(children))
    assert decide(shuffled, calls=dict(reversed(calls.items()))) == outcome
    plain = decide(children, Majority())
    if plain.kind is not OutcomeKind.TIE:
        assert (outcome.kind, outcome.value) == (plain.kind, plain.value)
        return
    tied = plain.quality["leaders"]
    menu = "ABCD"[: len(tied)]
    if not all(letter in menu for letter in said):
        assert outcome.kind is OutcomeKind.JUDGE_FAILED
    elif tied[menu.index(said[0])] == tied[::-1][menu.index(said[1])]:
        assert outcome.value == tied[menu.index(said[0])]
    else:
        assert outcome.kind is OutcomeKind.TIE
