"""Where a run's time went, what bound it most, and what helps against that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runs.domain.states import RunStatus
from runs.metrics.definitions import WHERE
from runs.models import Run
from runs.presenters import figures
from runs.presenters.run_rows import look
from runs.queries import runs as queries

# Key of the metrics → (pattern, word in the legend). The order is that of the bar.
LABELS = {
    "full": ("s", "working, nothing waits"),
    "at_the_limit": ("slot", "slot"),
    "rate_limit": ("t", "rate limit"),
    "budget": ("budget", "run’s cap"),
    "outage": ("o", "outage"),
    "backoff": ("w", "next try"),
    "tail": ("tail", "straggler tail"),
    "join": ("j", "join"),
    "held": ("held", "held"),
    "down": ("x", "waiting for parweb"),
}
# What a lost label is called in a sentence, and what helps.
LOSSES = {
    "at_the_limit": (
        "the limit on calls in flight",
        "More calls in flight make it shorter, as far as the provider keeps up.",
    ),
    "rate_limit": (
        "the provider’s rate limit",
        "More in flight will not help: a higher limit, another key or another model will.",
    ),
    "budget": (
        "waiting for room under the run’s cap",
        "Open calls hold back what they can take at most: a higher cap lets more go on at once.",
    ),
    "outage": (
        "an outage of the provider",
        "It answered nobody. No branch failed for it: calls were tried one at a time until it did.",
    ),
    "backoff": (
        "waiting to try again after errors",
        "The provider was unsteady: the failed tries tell how. Fewer calls in flight may help.",
    ),
    "tail": (
        "the tail: a few late branches",
        "A lower output limit or shorter deadline bounds single calls; hedging repeats slow ones.",
    ),
    "join": (
        "joining",
        "A quicker model for the join makes it shorter; so do more parts a merge.",
    ),
    "held": (
        "being held by a used-up quota or too dear a reply",
        "Credit that lasts lets a run go on without a person.",
    ),
    "down": (
        "waiting for a parweb process",
        "It was down, or busy with other runs: more workers, or more runs a process, shorten it.",
    ),
}
SERIALISED = (
    "Its rate limit let so few calls through that running in parallel gained next to nothing. "
    "Ask for a higher limit, or spread the calls over another key or model."
)
LEAST_SEEN = 0.005  # of the wall: less is nothing
LITTLE = 0.1  # of the wall: less than this is hardly any


@dataclass(frozen=True, slots=True)
class Stretch:
    pattern: str
    words: str
    seconds: float
    share: float
    definition: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence on what bound the run, and what to do about it. `tone` is a status."""

    tone: str
    icon: str
    sentence: str
    advice: str
    is_grave: bool = False


OF_PACE = frozenset({"full", "at_the_limit", "tail", "budget"})
IN_VAIN = Verdict(
    "failed", "fail", "No call succeeded.", "That comes first: the checks on the join tell why."
)


@dataclass(frozen=True, slots=True)
class TimeSpent:
    verdict: Verdict
    stretches: tuple[Stretch, ...]
    facts: tuple[str, ...]
    hint: str


def time_spent(run: Run) -> TimeSpent | None:
    """None until the metrics know."""
    where: Mapping[str, float] = run.kpis.get("where") or {}
    wall = sum(where.values())
    if wall <= 0:
        return None
    stretches = tuple(
        Stretch(pattern, words, where[key], where[key] / wall, WHERE[key])
        for key, (pattern, words) in LABELS.items()
        if where.get(key, 0) >= LEAST_SEEN * wall
    )
    found = IN_VAIN if _is_in_vain(run, where) else verdict(run.kpis, where, wall)
    return TimeSpent(found, stretches, tuple(_facts(run, where, wall)), _hint(run.kpis))


def _is_in_vain(run: Run, where: Mapping[str, float]) -> bool:
    """Whether calls went on unhindered and none succeeded: more pace is no advice then."""
    if run.status == RunStatus.CANCELLED or not run.kpis.get("attempts"):
        return False
    is_unhindered = max(where, key=lambda key: where[key]) in OF_PACE
    return is_unhindered and not run.kpis.get("one_by_one_s")


def verdict(kpis: Mapping[str, Any], where: Mapping[str, float], wall: float) -> Verdict:
    """What cost the most time."""
    if kpis.get("is_serialised"):
        share = figures.percent(where["rate_limit"] / wall)
        flight = f"{kpis['achieved_concurrency']:.1f} in flight on average"
        sentence = f"Serialised by the provider: held for {share} of the time, {flight}."
        return Verdict("failed", "hold", sentence, SERIALISED, is_grave=True)
    lost = wall - where.get("full", 0.0)
    if lost < LITTLE * wall:
        share = figures.percent(1 - lost / wall)
        sentence = f"Hardly any time was lost: for {share} of it calls went on and nothing waited."
        return Verdict("done", "done", sentence, "")
    worst = max(LOSSES, key=lambda key: where.get(key, 0.0))
    name, advice = LOSSES[worst]
    most = "Most" if where[worst] > lost / 2 else "The largest part"
    spent = f"{figures.seconds(where[worst])} of {figures.seconds(lost)}"
    sentence = f"{most} of the lost time was {name}: {spent}."
    return Verdict("tie", _ICONS.get(worst, "warn"), sentence, advice)


_ICONS = {
    "rate_limit": "hold",
    "held": "hold",
    "down": "fail",
    "outage": "fail",
}


def _facts(run: Run, where: Mapping[str, float], wall: float) -> list[str]:
    kpis, told = run.kpis, []
    throttled, attempts = kpis.get("throttled") or 0, kpis.get("attempts") or 0
    if throttled and attempts:
        share = figures.percent(throttled / attempts, 1)
        calls = figures.plural(attempts, "call")
        told.append(f"The provider refused {throttled:,} of {calls}, {share}.")
    if (kpis.get("held_s") or 0) >= LEAST_HELD_S:
        held = figures.seconds(kpis["held_s"])
        told.append(f"The waits of all calls at the limiter add up to {held}.")
    if hedges := kpis.get("hedges"):
        won = figures.thousands(kpis.get("hedges_won") or 0)
        told.append(f"Of {figures.plural(hedges, 'second attempt')}, {won} answered first.")
    last = queries.last_to_end(run) if where.get("tail", 0) / wall >= LATE else None
    if last is not None:
        note = look(last, last["ended"]).note
        told.append(f"The last to end was branch {last['number'] + 1} ({note}).")
    return told


LATE = 0.05  # of the wall
LEAST_HELD_S = 0.1


def _hint(kpis: Mapping[str, Any]) -> str:
    parts = []
    if kpis.get("achieved_concurrency") is not None:
        peak = f", {kpis['peak_in_flight']:,} at most" if kpis.get("peak_in_flight") else ""
        parts.append(f"{kpis['achieved_concurrency']:.1f} in flight on average{peak}")
    if kpis.get("one_by_one_s"):
        up_to = "" if kpis.get("speed_up_is") == "measured" else "up to "
        parts.append(f"one by one {up_to}{figures.seconds(kpis['one_by_one_s'])}")
    return " · ".join(parts)
