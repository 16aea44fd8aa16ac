"""Majority: counting, ties, least share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.registry import aggregate
from runs.aggregation.tally import MOST_LISTED, count, entropy_bits, figures
from runs.domain.joins import Majority, Reader, ReaderKind
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import OutcomeKind
from tests.unit.aggregation.children import answered, failed, spared, votes

GO_ON = FailurePolicy()
LETTER = Reader(ReaderKind.CHOICE, choices=("A", "B", "C"))


def decide(children, settings=None, policy=GO_ON):
    return aggregate(settings or Majority(), policy, children, {})


def test_the_most_frequent_answer_wins_in_the_spelling_of_its_first_voter():
    outcome = decide(votes("no", "Yes.", "yes\u200b", "YES", "no"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "Yes")
    assert [c.kind for c in outcome.contributions] == [
        "outvoted", "used", "used", "used", "outvoted",
    ]  # fmt: skip
    assert [c.value for c in outcome.contributions] == ["no", "yes", "yes", "yes", "no"]
    assert outcome.quality["tally"] == {"yes": 3, "no": 2}
    assert outcome.quality["agreement"] == pytest.approx(0.6)
    assert outcome.quality["margin"] == 1
    assert outcome.quality["entropy"] == pytest.approx(0.9709505945)
    assert outcome.quality["coverage"] == 1
    assert outcome.detail == "“Yes” has 3 of 5 votes."
    assert outcome.contributions[0].reason == "Voted “no”, which has 2 of 5 votes."


def test_a_tie_is_declared_and_decides_nothing():
    outcome = decide(votes("a", "b", "c", "b", "a"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.TIE, None)
    assert outcome.quality["leaders"] == ["a", "b"]
    assert outcome.quality["margin"] == 0
    assert [c.kind for c in outcome.contributions] == ["used", "used", "outvoted", "used", "used"]
    assert outcome.detail == "“a” and “b” have 2 votes each of 5."


def test_a_tie_may_go_to_the_lowest_branch_whoever_came_first():
    children = votes("a", "b", "b", "a")
    outcome = decide(children[::-1], Majority(ties="first_seen"))
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "a")
    assert [c.kind for c in outcome.contributions] == ["used", "outvoted", "outvoted", "used"]
    assert "first" in outcome.detail


def test_unreadable_answers_are_contributions_but_no_votes():
    children = [*votes("A", "both", "A or B", "B", "A"), failed(5), spared(6)]
    outcome = decide(children, Majority(reader=LETTER, least_share=0.6))
    assert (outcome.kind, outcome.value) == (OutcomeKind.DECIDED, "A")
    kinds = [c.kind for c in outcome.contributions]
    assert kinds == ["used", "unreadable", "unreadable", "outvoted", "used", "failed", "spared"]
    assert "none of the choices" in outcome.contributions[1].reason
    assert "several" in outcome.contributions[2].reason
    assert outcome.quality["votes"] == 3
    assert outcome.quality["coverage"] == 3 / 6


def test_only_unreadable_answers_are_no_quorum():
    outcome = decide(votes("?", "!"), Majority(reader=LETTER))
    assert outcome.kind is OutcomeKind.NO_QUORUM
    assert [c.kind for c in outcome.contributions] == ["unreadable", "unreadable"]


def test_unreadable_answers_do_not_fill_a_quorum():
    children = votes("A", "A", "?")
    assert decide(children, Majority(reader=LETTER), FailurePolicy(OnFailure.AT_LEAST, 3)).kind == (
        OutcomeKind.NO_QUORUM
    )
    refused = decide(children, Majority(reader=LETTER), FailurePolicy(OnFailure.AT_LEAST, 3))
    assert refused.quality["tally"] == {"A": 2}
    assert [c.value for c in refused.contributions] == ["A", "A", None]


@pytest.mark.parametrize(
    ("least_share", "kind"),
    [
        (0.0, "decided"),
        (0.5, "decided"),
        (0.55, "decided"),
        (0.551, "undecided"),
        (1.0, "undecided"),
    ],
)
def test_a_leader_below_the_least_share_decides_nothing(least_share, kind):
    children = votes(*["a"] * 11, *["b"] * 9)
    outcome = decide(children, Majority(least_share=least_share))
    assert outcome.kind == kind
    assert (outcome.value is None) == (kind == "undecided")
    assert outcome.contributions[0].kind == "used"


def test_the_least_share_holds_for_a_tie_settled_by_first_seen():
    outcome = decide(votes("a", "b"), Majority(ties="first_seen", least_share=0.6))
    assert outcome.kind is OutcomeKind.UNDECIDED


def test_a_long_answer_wins_whole():
    long = "the whole answer " * 100
    outcome = decide(votes(long, long, "short"))
    assert outcome.value == long.strip()
    assert max(map(len, outcome.quality["tally"])) <= 200


def test_a_tally_of_very_many_values_is_summed_up():
    found = figures_of(*(f"value {n}" for n in range(300)))
    assert len(found["tally"]) == MOST_LISTED
    assert found["tally_others"] == 200
    assert (found["votes"], found["values"]) == (300, 300)


def figures_of(*texts):
    return decide(votes(*texts)).quality


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_figures_agree_with_the_tally(texts):
    found = figures_of(*texts)
    ranked = sorted((texts.count(value) for value in set(texts)), reverse=True)
    assert sorted(found["tally"].values(), reverse=True) == ranked
    assert found["agreement"] == ranked[0] / len(texts)
    assert found["margin"] == ranked[0] - (ranked[1] if len(ranked) > 1 else 0)
    assert 0 <= found["entropy"] <= 2


def test_entropy_is_zero_for_one_value_and_one_bit_for_two():
    assert entropy_bits([]) == entropy_bits([5]) == entropy_bits([5, 0]) == 0
    assert entropy_bits([3, 3]) == pytest.approx(1)


def test_an_empty_tally_has_no_leader():
    assert count([]).leaders == ()
    assert count([]).margin == 0
    assert "agreement" not in figures([]), "nobody agrees with nobody"


def test_a_vote_on_numbers_counts_values_not_spellings():
    settings = Majority(reader=Reader(ReaderKind.NUMBER))
    outcome = decide(
        [answered(0, "$1,000"), answered(1, "so 1000.0"), answered(2, "999")], settings
    )
    assert outcome.value == "1000"
