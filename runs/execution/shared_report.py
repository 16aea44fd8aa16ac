"""What happens at a worker's gate between two exchanges, to be told to the others. Values only."""

import random
from dataclasses import astuple, dataclass

from runs.domain.limits import RateHints
from runs.engine.protocols import Permit
from runs.execution.shared_wire import Hint, Throttle


@dataclass(slots=True)
class Happened:
    """Since the last exchange. `used`: credits. `charged`: tokens, less what credits reserved."""

    used: int = 0
    unmetered: int = 0
    peak: int = 0
    is_short: bool = False  # of slots
    charged: float = 0.0
    succeeded: int = 0
    succeeded_full: int = 0
    failed: int = 0
    failed_in_a_row: int = 0
    probe: str = ""
    throttled_at: float | None = None
    shut_until: float = 0.0  # as the provider asked
    hint: tuple[Permit, RateHints] | None = None

    def throttle(self, now: float) -> Throttle | None:
        if self.throttled_at is None:
            return None
        wait = max(self.shut_until - now, 0.0)
        return Throttle(now - self.throttled_at, wait, random.random())

    def hint_at(self, now: float) -> Hint | None:
        if self.hint is None:
            return None
        permit, said = self.hint
        return Hint(permit.number, now - permit.at, *astuple(said))


def is_telling(hints: RateHints) -> bool:
    """Whether a limit is named together with what is left of it."""
    return bool(
        (hints.calls_per_minute and hints.calls_left is not None)
        or (hints.tokens_per_minute and hints.tokens_left is not None)
    )


def by_the_minute(limit: float | None, left: float | None) -> float | None:
    """The limit, if it is one a minute: of a day's there may be more left than a minute brings."""
    return None if limit is not None and left is not None and left > limit else limit


def part_of(hints: RateHints, parts: int) -> RateHints:
    """What one of so many workers may take of it."""
    return RateHints(*(value and value / parts for value in astuple(hints)))
