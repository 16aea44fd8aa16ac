"""What is measured: every scenario with its variants, its figures and the goals they are held to.

Standard library only: the clients that parweb is compared with run where Django is not installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Figures = dict[str, float]
MODEL = "simulated-small"


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of a table. `is_worst`: of several rounds the largest is told, not the median."""

    key: str
    title: str
    digits: int = 2
    is_worst: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """`is_most`: the figure is to be at most `limit`, otherwise at least."""

    variant: str
    key: str
    limit: float
    words: str
    is_most: bool = True

    def is_reached(self, figure: float) -> bool:
        return figure <= self.limit if self.is_most else figure >= self.limit


WALL = Column("wall_s", "wall s")
LOST = Column("lost", "lost", 0, is_worst=True)
SPEED = (
    WALL,
    Column("x_ideal", "× ideal"),
    Column("cpu_ms", "CPU ms a call", 3),
    Column("x_bare", "× bare"),
    Column("calls_a_s", "calls /s", 0),
    Column("simulator_ms", "simulator's CPU ms a call", 3),
    LOST,
)
LIMIT = (
    WALL,
    Column("x_limit", "goodput × limit", 3),
    Column("raw_a_s", "calls ÷ wall, /s", 1),
    Column("throttled_share", "429s ÷ calls", 4),
    Column("requests", "requests", 0),
    LOST,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`simulator`: its arguments. `latency_s`: of a call; ideal is calls ÷ in flight × latency.
    `limit_a_s`: what the provider takes; `calls_per_minute`: what parweb is told of it. `limits`:
    the run's own. `idle_s`: the most seconds between bytes. `rounds`: instead of those asked for.
    `trial`: what checks the run, for scenarios that ask for more than time. `least_texts`: pieces
    of live text that a viewer must have been sent, or it was no measurement."""

    name: str
    about: str
    calls: int
    in_flight: int
    simulator: tuple[str, ...]
    variants: tuple[str, ...]
    columns: tuple[Column, ...] = SPEED
    goals: tuple[Goal, ...] = ()
    latency_s: float = 0.0
    limit_a_s: float = 0.0
    calls_per_minute: int | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    idle_s: float | None = None
    rounds: int | None = None
    trial: str = ""
    cancels: int = 0
    outage_s: float = 0.0
    least_texts: int = 0

    @property
    def is_speed(self) -> bool:
        return "cpu_ms" in {column.key for column in self.columns}

    @property
    def ideal_s(self) -> float:
        return self.calls / self.in_flight * self.latency_s

    def few(self) -> "Scenario":
        """As small as shows that it works."""
        return replace(
            self,
            calls=min(self.calls, 60 if self.trial == "outage" else 24),
            in_flight=min(self.in_flight, 8),
            latency_s=self.latency_s / 10,
            simulator=tuple(_few.get(one, one) for one in self.simulator),
            rounds=1,
            idle_s=self.idle_s and 0.4,
            cancels=min(self.cancels, 40),
            outage_s=min(self.outage_s, 1.5),
            least_texts=0,
        )


_few = {
    "--latency=fixed:0.2": "--latency=fixed:0.02",
    "--latency=fixed:1.0": "--latency=fixed:0.05",
    "--latency=lognormal:0.2,0.99": "--latency=lognormal:0.02,0.99",
    **{f"--fault={kind}:0.01": f"--fault={kind}:0.05" for kind in ("500", "reset", "malformed")},
}

AT_ONCE = "--latency=fixed:0"
LIMITED = ("--latency=fixed:0.1", "--limit-rpm=3000", "--burst=1", "--tokens=4")
FAULTS = tuple(
    f"--fault={kind}:0.01" for kind in ("500", "529", "reset", "malformed", "stall", "truncated")
)
PEERS = ("openai", "litellm")
NOTHING_LOST = Goal("rows", "lost", 0, "0 lost")
FAULT_COLUMNS = (
    WALL,
    Column("requests", "requests", 0),
    Column("faults", "faults met", 0),
    LOST,
    Column("false", "false successes", 0, is_worst=True),
)
TRUE_SUCCESSES = Goal("rows", "false", 0, "0 false successes")
RECOVERY = (
    WALL,
    Column("cancelled", "cancelled", 0),
    Column("closed_s", "slowest close s", 3, is_worst=True),
    Column("unusable", "slots unusable after", 0, is_worst=True),
    LOST,
)

HEDGING_COLUMNS = (
    WALL,
    Column("saved", "wall saved", 3),
    Column("extra", "extra calls", 3),
    LOST,
)
HEDGING_GOALS = (
    Goal("on", "saved", 0.20, "wall ≥ 20 % less", is_most=False),
    Goal("on", "extra", 0.11, "≤ 11 % extra calls"),
    Goal("on", "lost", 0, "0 lost"),
)
ALL = (
    Scenario(
        "ceiling", "The simulator's own ceiling: the fastest client that can be, which reads no"
        " reply, asks for short ones (100 at once).",
        4_000, 100, (AT_ONCE, "--tokens=4"), ("pump",),
    ),
    Scenario(
        "ceiling-streamed", "The same with 100 tokens a reply.",
        2_000, 100, (AT_ONCE, "--tokens=100"), ("pump",),
    ),
    Scenario(
        "plain", "2,000 short replies without latency, 100 in flight: what a call costs.",
        2_000, 100, (AT_ONCE, "--tokens=4"),
        ("bare", "httpx", "over aiohttp", "memory", "rows", "viewer", *PEERS),
        goals=(
            Goal("memory", "cpu_ms", 0.45, "CPU ≤ 0.45 ms a call, the engine alone"),
            Goal("rows", "cpu_ms", 0.65, "≤ 0.65 ms with rows"),
            Goal("viewer", "cpu_ms", 0.80, "≤ 0.80 ms with rows and a viewer"),
        ),
    ),
    Scenario(
        "streamed", "1,000 replies of 100 tokens that come at once, 100 in flight.",
        1_000, 100, (AT_ONCE, "--tokens=100"),
        ("bare", "httpx", "over aiohttp", "memory", "rows", "viewer", *PEERS),
        goals=(
            Goal("memory", "cpu_ms", 1.0, "CPU ≤ 1.0 ms a call, the engine alone"),
            Goal("viewer", "cpu_ms", 1.4, "≤ 1.4 ms with rows and live text to a viewer"),
        ),
        least_texts=1,
    ),
    Scenario(
        "latency", "1,000 calls of 200 ms, 100 in flight.",
        1_000, 100, ("--latency=fixed:0.2", "--tokens=4"),
        ("bare", "httpx", "over aiohttp", "memory", "rows", *PEERS), latency_s=0.2,
        goals=(
            Goal("rows", "x_ideal", 1.12, "wall ≤ 1.12 × ideal with rows"),
            Goal("rows", "x_memory", 1.04, "≤ 1.04 × the same engine in memory"),
        ),
    ),
    Scenario(
        "wide", "2,000 calls of 1 s, 1,000 in flight.",
        2_000, 1_000, ("--latency=fixed:1.0", "--tokens=4"),
        ("bare", "memory", "rows"), latency_s=1.0,
        goals=(
            Goal("rows", "x_ideal", 1.4, "wall ≤ 1.4 × ideal with rows"),
            Goal("rows", "x_memory", 1.04, "≤ 1.04 × the same engine in memory"),
        ),
    ),
    Scenario(
        "declared", "A provider that takes 50 calls a second and a burst of 50; 500 are wanted at"
        " once, and parweb was told of the limit.",
        500, 500, LIMITED, ("httpx", "rows", *PEERS), LIMIT,
        (
            Goal("rows", "x_limit", 0.97, "goodput ≥ 0.97 × limit", is_most=False),
            Goal("rows", "throttled_share", 0.01, "429s ≤ 1 %"),
            NOTHING_LOST,
        ),
        limit_a_s=50.0, calls_per_minute=3_000,
    ),
    Scenario(
        "learned", "The same, but parweb has to learn the limit from the replies' headers.",
        500, 500, LIMITED, ("rows",), LIMIT,
        (
            Goal("rows", "x_limit", 0.97, "goodput ≥ 0.97 × limit", is_most=False),
            Goal("rows", "throttled_share", 0.05, "429s ≤ 5 %"),
            NOTHING_LOST,
        ),
        limit_a_s=50.0,
    ),
    Scenario(
        "three-workers", "Three worker processes share one key at the same provider, through Redis:"
        " 1,500 calls in three runs. Wall with the cluster's start.",
        1_500, 200, LIMITED, ("declared", "learned"), LIMIT,
        (
            Goal("declared", "x_limit", 0.95, "goodput ≥ 0.95 × limit", is_most=False),
            Goal("declared", "throttled_share", 0.02, "429s ≤ 2 %"),
            Goal("declared", "lost", 0, "0 lost"),
            Goal("learned", "x_limit", 0.95, "goodput ≥ 0.95 × limit", is_most=False),
            Goal("learned", "throttled_share", 0.02, "429s ≤ 2 %"),
            Goal("learned", "lost", 0, "0 lost"),
        ),
        limit_a_s=50.0, rounds=1, trial="cluster",
    ),
    Scenario(
        "hedging", "1,000 calls with lognormal latencies, the 99th percentile ten times the median"
        " (200 ms), 100 in flight; each round has a seed of its own.",
        1_000, 100, ("--latency=lognormal:0.2,0.99", "--tokens=4"), ("off", "on"),
        HEDGING_COLUMNS, HEDGING_GOALS,
        rounds=9, trial="hedging",
    ),
    Scenario(
        "hedging-wide", "The same with all 1,000 in flight at once: a run that is tail alone.",
        1_000, 1_000, ("--latency=lognormal:0.2,0.99", "--tokens=4"), ("off", "on"),
        HEDGING_COLUMNS, HEDGING_GOALS,
        rounds=9, trial="hedging",
    ),
    Scenario(
        "faults", "1 % each of 500, 529, reset, malformed, stall and truncated; 5 s idle limit.",
        1_000, 100, ("--latency=fixed:0.02", "--tokens=4", *FAULTS), ("rows",), FAULT_COLUMNS,
        (NOTHING_LOST, TRUE_SUCCESSES), idle_s=5.0, trial="faults",
    ),
    Scenario(
        "faults-streamed", "The same with 100 tokens a reply, 250 a second.",
        1_000, 100,
        ("--latency=fixed:0.02", "--tokens=100", "--tokens-per-second=250", *FAULTS),
        ("rows",), FAULT_COLUMNS, (NOTHING_LOST, TRUE_SUCCESSES), idle_s=5.0, trial="faults",
    ),
    Scenario(
        "outage", "In the middle of 1,000 calls of 100 ms, 100 in flight, everything is answered"
        " with 500 for 20 s, then all is well again.",
        1_000, 100, ("--latency=fixed:0.1", "--tokens=4"), ("rows",),
        (
            WALL,
            Column("outage_s", "outage s", 1),
            Column("open_failed", "failed in flight at its start", 0),
            Column("extra", "extra calls", 0, is_worst=True),
            Column("held_s", "shown as held, s", 1),
            LOST,
        ),
        (
            Goal("rows", "extra", 105, "extra calls ≤ 10 % + 5"),
            Goal("rows", "held_share", 0.75, "shown as held for ≥ 75 % of it, and ended by itself",
                 is_most=False),
            NOTHING_LOST,
        ),
        trial="outage", outage_s=20.0,
    ),
    Scenario(
        "cancels", "10,000 calls cancelled at random moments: one by one at the client, and open"
        " calls of runs that a person cancels; then as many calls at once as the limit allows.",
        1_000, 500, ("--latency=fixed:0.2", "--tokens=20", "--tokens-per-second=200"),
        ("client", "runs"), RECOVERY, latency_s=0.3,
        goals=tuple(
            goal
            for variant in ("client", "runs")
            for goal in (
                Goal(variant, "unusable", 0, "every slot usable"),
                Goal(variant, "closed_s", 2.0, "open calls closed ≤ 2 s"),
                Goal(variant, "lost", 0, "0 lost in the run after"),
            )
        ),
        rounds=1, trial="cancels", cancels=10_000,
    ),
    Scenario(
        "budget", "1,000 calls wanted, and a cap that 137 of them fill: a cap on calls; a cap on"
        " money where each call costs what was reserved for it; caps on money and on tokens where"
        " most calls take less, so that more of them fit.",
        1_000, 100, ("--latency=fixed:0.02", "--tokens=12"), ("calls", "exact", "money", "tokens"),
        (
            WALL,
            Column("allowed", "calls allowed", 0),
            Column("requests", "calls made", 0, is_worst=True),
            Column("overshoot", "over the cap", 6, is_worst=True),
            Column("difference", "recorded − billed", 6, is_worst=True),
        ),
        tuple(
            goal
            for variant in ("calls", "exact", "money", "tokens")
            for goal in (
                *(
                    [Goal(variant, "requests", 137, "≤ 137 calls in the ledger")]
                    if variant in {"calls", "exact"}
                    else []
                ),
                Goal(variant, "overshoot", 0, "nothing over the cap"),
                Goal(variant, "difference", 1e-6, "recorded = billed, in US$ and tokens"),
            )
        ),
        rounds=1, trial="budget",
    ),
)  # fmt: skip
SCENARIOS = {scenario.name: scenario for scenario in ALL}


def body(number: int) -> dict[str, Any]:
    """The call that floors and peers make: what parweb sends for the same line."""
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt(number)}],
        "max_tokens": 300,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def prompt(number: int) -> str:
    return f"Repeat: line number {number}"
