"""A run's or a branch's state as people see it: an icon, a word and a tone, never colour alone."""

from dataclasses import dataclass

from runs.domain.results import OutcomeKind
from runs.domain.states import BranchStatus, RunStatus


@dataclass(frozen=True, slots=True)
class Pill:
    """`tone` is the `data-status` of the pill; `icon` names a symbol, empty for the live dot."""

    tone: str
    icon: str
    text: str


_RUNS = {
    RunStatus.QUEUED: Pill("queued", "wait", "Queued"),
    RunStatus.RUNNING: Pill("running", "", "Running"),
    RunStatus.HELD: Pill("held", "hold", "Held"),
    RunStatus.CANCELLING: Pill("cancelling", "off", "Cancelling"),
    RunStatus.CANCELLED: Pill("cancelled", "off", "Cancelled"),
    RunStatus.SUCCEEDED: Pill("done", "done", "Succeeded"),
    RunStatus.PARTIAL: Pill("gaps", "gap", "Partial"),
    RunStatus.FAILED: Pill("failed", "fail", "Failed"),
}

_OUTCOMES = {
    OutcomeKind.DECIDED: Pill("done", "done", "Decided"),
    OutcomeKind.JOINED: Pill("done", "done", "Joined"),
    OutcomeKind.JOINED_WITH_GAPS: Pill("gaps", "gap", "Joined with gaps"),
    OutcomeKind.RELEASED: Pill("done", "done", "Released"),
    OutcomeKind.WITHHELD: Pill("gaps", "held-back", "Withheld"),
    OutcomeKind.TIE: Pill("tie", "tie", "Tie"),
    OutcomeKind.DISAGREEMENT: Pill("tie", "tie", "Disagreement"),
    OutcomeKind.UNDECIDED: Pill("tie", "tie", "Undecided"),
    OutcomeKind.NO_QUORUM: Pill("failed", "fail", "Too few answers"),
    OutcomeKind.JUDGE_FAILED: Pill("failed", "fail", "Judge failed"),
    OutcomeKind.MERGE_FAILED: Pill("failed", "fail", "Merge failed"),
    OutcomeKind.FAILED: Pill("failed", "fail", "Failed"),
}

_ENDED_WITH_OUTCOME = {RunStatus.SUCCEEDED, RunStatus.PARTIAL, RunStatus.FAILED}

_BRANCHES = {
    BranchStatus.PENDING: Pill("queued", "wait", "Waiting"),
    BranchStatus.RUNNING: Pill("running", "", "In flight"),
    BranchStatus.SUCCEEDED: Pill("done", "done", "Done"),
    BranchStatus.FAILED: Pill("failed", "fail", "Failed"),
    BranchStatus.CANCELLED: Pill("cancelled", "off", "Cancelled"),
    BranchStatus.SPARED: Pill("spared", "spared", "Spared"),
}


def run_pill(
    status: str, outcome: str = "", cancel_wanted: bool = False, hold_wanted: bool = False
) -> Pill:
    """An ended run is told by what it gave; an open one by what it does."""
    state = RunStatus(status)
    if state in _ENDED_WITH_OUTCOME and outcome:
        pill = _OUTCOMES[OutcomeKind(outcome)]
        if state is RunStatus.PARTIAL and pill.tone == "done":
            return Pill("gaps", "gap", f"{pill.text}, with gaps")
        return pill
    if cancel_wanted and state in {RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.HELD}:
        return Pill("cancelling", "off", "Cancel asked")
    if hold_wanted and state in {RunStatus.QUEUED, RunStatus.RUNNING}:
        return Pill("held", "hold", "Hold asked")
    return _RUNS[state]


def outcome_pill(outcome: str) -> Pill:
    """What a join gave."""
    return _OUTCOMES[OutcomeKind(outcome)]


def branch_pill(status: str, tries: int = 0) -> Pill:
    """How a branch stands; a failed one says after how many tries."""
    pill = _BRANCHES[BranchStatus(status)]
    if pill.tone == "failed" and tries > 1:
        return Pill(pill.tone, pill.icon, f"Failed after {tries} tries")
    return pill
