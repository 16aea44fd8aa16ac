"""What a worker's gate and the state shared through Redis tell each other, and the script between.

Values only. The script follows the rules of `concurrency`, `pace`, `breaker` and `rules`: it gets
their constants from here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from runs.execution import breaker, concurrency, pace, rules

ENTRY_S = 5.0  # without a word from a worker its slots are the others'
BURST_S = 0.1  # what a declared limit holds; a worker may be as much ahead, and a grant old
AHEAD_S = 0.1
LATELY_S = 1.0  # who asked for credits since shares in them
TURN_S = 2.0  # with a slot more than others, where they cannot be divided evenly
FORGET_S = 600.0  # without any exchange
MOST_STEPS = 1_000  # of the slots' limit, an exchange
BACK = "Redis is back: the workers share the limits again"

CONSTANTS = {
    "FIRST": concurrency.FIRST,
    "CUT": concurrency.CUT,
    "FAST_UNTIL": concurrency.FAST_UNTIL,
    "FAST_SHARE": concurrency.FAST_SHARE,
    "MOST_STEPS": MOST_STEPS,
    "MARGIN_S": pace.MARGIN_S,
    "MARGIN_SHARE": pace.MARGIN_SHARE,
    "BURST_S": BURST_S,
    "AHEAD_S": AHEAD_S,
    "LATELY_S": LATELY_S,
    "ENTRY_S": ENTRY_S,
    "TURN_S": TURN_S,
    "FORGET_S": FORGET_S,
    "TOKENS": breaker.TOKENS,
    "A_SUCCESS": breaker.A_SUCCESS,
    "HALF": breaker.HALF,
    "IN_A_ROW": breaker.IN_A_ROW,
    "FIRST_PROBE_S": breaker.FIRST_PROBE_S,
    "LONGEST_PROBE_S": breaker.LONGEST_PROBE_S,
    "FIRST_PAUSE_S": rules.FIRST_PAUSE_S,
    "LONGEST_PAUSE_S": rules.LONGEST_PAUSE_S,
    "WORTH_TELLING_S": rules.WORTH_TELLING_S,
    "ANSWERS_AGAIN": rules.ANSWERS_AGAIN,
    "SUCCEEDS": rules.SUCCEEDS,
    "THROTTLED": rules.THROTTLED,
    "SILENT": rules.SILENT,
    "BACK": BACK,
}


def script() -> str:
    named = ", ".join(
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"
        for name, value in CONSTANTS.items()
    )
    body = Path(__file__).with_name("shared.lua").read_text("utf-8")
    return f"local K = {{{named}}}\n{body}"


@dataclass(frozen=True, slots=True)
class Hint:
    """What a provider said of a call let in as `number`, `ago` seconds ago; None: nothing."""

    number: int
    ago: float
    calls: float | None = None
    calls_left: float | None = None
    tokens: float | None = None
    tokens_left: float | None = None

    def told(self) -> dict[str, float]:
        """Without what is unknown: JSON's null is no nil."""
        pairs = {
            "number": self.number,
            "ago": self.ago,
            **({"calls": self.calls, "calls_left": self.calls_left} if self._knows_calls else {}),
            **(
                {"tokens": self.tokens, "tokens_left": self.tokens_left}
                if self._knows_tokens
                else {}
            ),
        }
        return {name: value for name, value in pairs.items() if value is not None}

    @property
    def _knows_calls(self) -> bool:
        return bool(self.calls) and self.calls_left is not None

    @property
    def _knows_tokens(self) -> bool:
        return bool(self.tokens) and self.tokens_left is not None


@dataclass(frozen=True, slots=True)
class Throttle:
    """Of the throttled calls the one sent last, `ago` seconds ago; `wait`: seconds that the
    provider asked for, 0 where it did not say; `draw`: the jitter, from 0 to 1."""

    ago: float
    wait: float
    draw: float


@dataclass(frozen=True, slots=True)
class Request:
    """What happened at a worker since its last exchange, and what it wants.

    most, calls, tokens: what the connection declares (a minute; 0: nothing); declares: anew.
    known: the provider has answered before. away: the last exchange failed. workers: configured.
    in_flight, keep: calls open, slots that it goes on holding; want: slots more. waiting: runs.
    unmetered: calls let in without a credit; spare: credits unused; ask: credits wanted.
    charged: tokens charged, less those that credits had reserved; per_call: expected of a call.
    succeeded, of them succeeded_full while all its slots were taken; failed, failed_in_a_row.
    probe: what became of it (`failed`, `over`; empty: nothing yet). pause: seconds it knows of.
    """

    worker: str
    workers: int
    most: int
    calls: float
    tokens: float
    declares: bool
    known: bool
    away: bool
    in_flight: int
    keep: int
    want: int
    waiting: int
    unmetered: int
    spare: int
    ask: int
    charged: float
    per_call: float
    succeeded: int
    succeeded_full: int
    failed: int
    failed_in_a_row: int
    probe: str
    pause: float
    throttled: Throttle | None = None
    hint: Hint | None = None

    def told(self) -> dict[str, Any]:
        told = asdict(self)
        for name, value in (
            ("throttled", self.throttled and asdict(self.throttled)),
            ("hint", self.hint and self.hint.told()),
        ):
            del told[name]
            if value:
                told[name] = value
        return told


class Grant(TypedDict, total=False):
    """What the worker may do now; times are seconds from now.

    limit: slots of all workers; slots: this one's; part: as many it should come down to; workers:
    heard of lately. metered: only with credits; credits: calls numbered from `number` + 1 on;
    paces: level, rate and cost a call of each bucket before them; again: when to ask for more.
    pause; open: how long the breaker is, -1 closed; probe: one may go out; probe_in: the next.
    told: changes that this exchange made.
    """

    limit: int
    slots: int
    part: int
    workers: int
    number: int
    metered: bool
    credits: int
    paces: list[tuple[float, float, float]]
    again: float
    pause: float
    open: float
    retry_tokens: float
    failures: int
    probe: bool
    probe_in: float
    told: list[str]


Exchange = Callable[[str, Request], Awaitable[Grant]]


@dataclass(frozen=True, slots=True)
class Share:
    """`key`: what is limited. `worker`: this process's own name. `workers`: how many there are."""

    exchange: Exchange
    key: str
    worker: str
    workers: int
