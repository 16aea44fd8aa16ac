"""Every state there is has an icon and a word."""

from runs.domain.results import OutcomeKind
from runs.domain.states import BranchStatus, RunStatus
from runs.presenters.run_state import branch_pill, outcome_pill, run_pill


def test_every_state_has_its_word() -> None:
    assert all(run_pill(status).text for status in RunStatus)
    assert all(outcome_pill(outcome).text for outcome in OutcomeKind)
    assert all(branch_pill(status).text for status in BranchStatus)


def test_only_what_runs_is_shown_by_the_live_dot() -> None:
    assert [status for status in RunStatus if not run_pill(status).icon] == [RunStatus.RUNNING]


def test_an_ended_run_is_told_by_what_it_gave() -> None:
    assert run_pill("succeeded", "tie").text == "Tie"
    assert run_pill("partial", "decided").text == "Decided, with gaps"
    assert run_pill("partial", "joined_with_gaps").text == "Joined with gaps"
    assert run_pill("failed", "no_quorum").tone == "failed"


def test_a_cancel_that_is_not_acknowledged_is_only_asked() -> None:
    assert run_pill("running", cancel_wanted=True).text == "Cancel asked"
    assert run_pill("cancelling", cancel_wanted=True).text == "Cancelling"
    assert run_pill("running", hold_wanted=True).text == "Hold asked"
    assert run_pill("held", hold_wanted=True).text == "Held"
    assert run_pill("succeeded", "decided", cancel_wanted=True).text == "Decided"


def test_a_failed_branch_says_after_how_many_tries() -> None:
    assert branch_pill("failed", 3).text == "Failed after 3 tries"
    assert branch_pill("failed", 1).text == "Failed"
