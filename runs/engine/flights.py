"""One open attempt: the call it makes, and the other attempt of its branch, if there is one.

Knows nothing of what an end means.
"""

from dataclasses import dataclass

from runs.domain.errors import CallError
from runs.engine.entry import Entry
from runs.engine.state import AttemptState, BranchState


@dataclass(slots=True, eq=False)
class Flight:
    """`beside`: the other attempt of the branch, open or over. `is_over`: its end is decided,
    whether or not its request is closed yet. `has_begun`: its request was sent. `error`: with which
    it ended while the other was open, and whether that counts against the branch."""

    entry: Entry
    branch: BranchState
    attempt: AttemptState
    prompt: str
    beside: "Flight | None" = None
    is_over: bool = False
    has_begun: bool = False
    error: tuple[CallError, bool] | None = None

    @property
    def open_beside(self) -> "Flight | None":
        return None if self.beside is None or self.beside.is_over else self.beside

    @property
    def is_shown(self) -> bool:
        """Whether the branch's own times and its live text are those of this attempt."""
        return not self.attempt.is_hedge or self.open_beside is None
