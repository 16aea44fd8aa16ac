"""What a client made of a provider's limit, from the provider's own ledger."""

from bench.provider import Entry
from bench.scenarios import Figures, Scenario


def goodput(scenario: Scenario, entries: list[Entry]) -> Figures:
    """`x_limit`: (successes − burst used) ÷ seconds from the first call to the end of the last
    success ÷ limit. A provider lets a burst through on top of its limit, which is no merit of
    being fast over time: what a client ever was ahead of the limit is taken off. `raw_a_s` takes
    nothing off."""
    rate = scenario.limit_a_s
    taken = [entry for entry in entries if entry.status == 200 and entry.is_whole]
    if not taken:
        return {"x_limit": 0.0, "raw_a_s": 0.0, "throttled_share": 1.0, "requests": len(entries)}
    first = entries[0].started
    seconds = max(entry.ended for entry in taken) - first
    ahead = max(nth - rate * (entry.started - first) for nth, entry in enumerate(taken, 1))
    throttled = sum(entry.status == 429 for entry in entries)
    return {
        "x_limit": (len(taken) - ahead) / seconds / rate,
        "raw_a_s": len(taken) / seconds,
        "throttled_share": throttled / scenario.calls,
        "requests": len(entries),
    }
