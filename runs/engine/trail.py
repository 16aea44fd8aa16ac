"""The earlier attempts of a branch as its row tells them, for its line on the timeline.

Entries `sent-ended:status` in ms, in order of their ends. Status `hedge`: an attempt that ran
beside the one whose end counted, which is the next entry or the branch's own call; while it is open
it has no end.
"""

from runs.engine.state import AttemptState, BranchState


def add(branch: BranchState, attempt: AttemptState, status: str) -> None:
    sent = attempt.admitted_ms if attempt.sent_ms is None else attempt.sent_ms
    ended = "" if attempt.ended_ms is None else attempt.ended_ms
    branch.trail = f"{branch.trail} {sent}-{ended}:{status}".strip()


def without_open_hedge(trail: str) -> str:
    earlier, _, last = trail.rpartition(" ")
    return earlier if last.endswith("-:hedge") else trail
