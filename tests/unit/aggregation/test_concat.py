"""Concatenate: order, labels, gaps."""

from runs.aggregation.registry import aggregate
from runs.domain.joins import Concatenate
from runs.domain.policies import FailurePolicy
from runs.domain.results import Child, ChildState, OutcomeKind
from tests.unit.aggregation.children import answered, cancelled, failed, spared


def join(children, settings=None):
    return aggregate(settings or Concatenate(), FailurePolicy(), children, {})


def test_parts_stand_in_child_order_under_their_labels():
    outcome = join([answered(1, " two\n"), answered(0, "one")])
    assert outcome.kind is OutcomeKind.JOINED
    assert outcome.value == "## Document 1\n\none\n\n## Document 2\n\ntwo"
    assert outcome.detail == "2 of 2 parts joined in order."


def test_a_gap_is_marked_in_its_place():
    outcome = join([answered(0, "one"), failed(1), cancelled(2), answered(3, " ")])
    assert outcome.kind is OutcomeKind.JOINED_WITH_GAPS
    assert outcome.value == (
        "## Document 1\n\none\n\n"
        "## Document 2\n\n[Missing: Document 2. Failed after 4 tries. 503: Overloaded.]\n\n"
        "## Document 3\n\n[Missing: Document 3. Budget.]\n\n"
        "## Document 4\n\n[Missing: Document 4. The answer is empty.]"
    )
    assert outcome.detail == (
        "1 of 4 parts joined in order. Missing: Document 2, Document 3, Document 4."
    )


def test_without_headings_the_separator_alone_stands_between_parts():
    outcome = join(
        [answered(0, "one"), answered(1, "two")], Concatenate(heading=False, separator="; ")
    )
    assert outcome.value == "one; two"


def test_a_spared_child_leaves_no_gap():
    outcome = join([answered(0, "one"), spared(1)], Concatenate(heading=False))
    assert (outcome.kind, outcome.value) == (OutcomeKind.JOINED, "one")
    assert outcome.quality["coverage"] == 1


def test_a_cut_answer_is_marked_where_it_ends():
    outcome = join([answered(0, "one", is_cut=True)], Concatenate(heading=False))
    assert outcome.value is not None
    assert outcome.value.startswith("one\n\n[The answer was cut")
    assert "Cut by the output limit: Document 1." in outcome.detail


def test_a_child_without_a_label_is_named_by_its_number():
    outcome = join([Child(0, "", ChildState.ANSWERED, "one")])
    assert outcome.value == "## Branch 1\n\none"


def test_a_label_stays_on_its_line():
    outcome = join([Child(0, "a\n# b", ChildState.ANSWERED, "one")])
    assert outcome.value == "## A # b\n\none"
