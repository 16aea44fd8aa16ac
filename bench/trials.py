"""Scenarios that ask for more than time: hedges, faults, an outage, budgets. Cancels: `cancelling`.

What was really called stands in the simulator's ledger; what parweb says is held against it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench import cancelling, three_workers
from bench.engine_room import Worker, lost
from bench.provider import Entry, Provider, digest
from bench.scenarios import Figures, Scenario, body, prompt
from bench.watches import Stopwatch

LOOK_EVERY_S = 0.1
HEDGE = 0.1  # of the calls
BUDGET_SHARE = 0.137  # of the calls that are wanted
BEFORE_S = 0.3  # of an outage
PRICE_IN, PRICE_OUT = 3.0, 15.0  # US dollars per million tokens


def hedging(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    watch = Stopwatch(provider, scenario.calls)
    limits = {"hedge": HEDGE} if variant == "on" else {}
    with Worker(scenario, provider) as worker:
        run = worker.launch(limits=limits)
        state = worker.work(run, began=watch.start, ended=watch.stop_wall)
        figures = watch.figures()
    extra = len(provider.entries()) - scenario.calls
    return {**figures, "extra": extra / scenario.calls, "lost": lost(scenario, state)}


def faults(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    watch = Stopwatch(provider, scenario.calls)
    with Worker(scenario, provider) as worker:
        run = worker.launch()
        state = worker.work(run, began=watch.start, ended=watch.stop_wall)
        figures = watch.figures()
    entries = provider.entries()
    return {
        **figures,
        "requests": len(entries),
        "faults": sum(bool(entry.fault) for entry in entries),
        "false": false_successes(scenario, provider, entries, run),
        "lost": lost(scenario, state),
    }


def false_successes(scenario: Scenario, provider: Provider, entries: list[Entry], run: Any) -> int:
    """Answers kept as good that the provider did not send whole, or not with this text."""
    from runs.models import Attempt

    tokens = next(int(a.partition("=")[2]) for a in scenario.simulator if "--tokens=" in a)
    numbers = {digest(body(number)): number for number in range(scenario.calls)}
    asked = Counter(entry.prompt_hash for entry in entries)
    texts = {
        name: provider.texts(body(numbers[name]), tokens, times) for name, times in asked.items()
    }
    by_uuid = {entry.uuid: entry for entry in entries}
    kept = Attempt.objects.filter(run=run, status__in=["ok", "late_ok"])
    false = 0
    for uuid, text in kept.values_list("uuid", "branch__answer__text"):
        entry = by_uuid[uuid]
        is_true = entry.is_whole and not entry.fault
        false += not is_true or text != texts[entry.prompt_hash][entry.nth]
    return false


def outage(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    """The outage begins in the middle; calls in flight at its start fail, too."""
    watch = Stopwatch(provider, scenario.calls)
    moments: dict[str, float] = {}
    with Worker(scenario, provider) as worker:
        run = worker.launch()
        shown = Shown(run)

        def fail_for_a_while() -> None:
            shown.start()
            time.sleep(BEFORE_S)
            moments["began"] = time.time()
            provider.change(faults=["500:1"])
            time.sleep(scenario.outage_s)
            provider.change(faults=[])
            moments["ended"] = time.time()

        state = worker.work(
            run, began=watch.start, ended=watch.stop_wall, meanwhile=fail_for_a_while
        )
        figures = watch.figures()
        held_s = shown.stop()
    failed = [entry for entry in provider.entries() if entry.fault]
    outage_s = moments["ended"] - moments["began"]
    return {
        **figures,
        "outage_s": outage_s,
        "held_share": held_s / outage_s,
        "open_failed": sum(entry.began_later for entry in failed),
        "extra": sum(not entry.began_later for entry in failed),
        "held_s": held_s,
        "lost": lost(scenario, state),
    }


class Shown(threading.Thread):
    """Looks at the run's row as its page does: for how long it said that the run is held."""

    def __init__(self, run: Any) -> None:
        super().__init__(daemon=True)
        self._run = run
        self._is_over = threading.Event()
        self._held_s = 0.0

    def run(self) -> None:
        from django.db import connection

        from runs.models import Run

        looked = time.monotonic()
        while not self._is_over.wait(LOOK_EVERY_S):
            now = time.monotonic()
            kpis = Run.objects.values_list("kpis", flat=True).get(pk=self._run.pk)
            if "does not answer" in kpis.get("held_reason", ""):
                self._held_s += now - looked
            looked = now
        connection.close()

    def stop(self) -> float:
        self._is_over.set()
        self.join()
        return self._held_s


def budget(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    """`calls`: a cap on calls. `exact`: on money, each call costing what was reserved for it.
    `money` and `tokens`: a cap of which most calls take less than they reserve."""
    from runs.domain.usage import Price, input_upper_bound
    from runs.models import Run

    watch = Stopwatch(provider, scenario.calls)
    allowed = max(round(scenario.calls * BUDGET_SHARE), 1)
    price_in = 0.0 if variant == "exact" else PRICE_IN
    call = {"max_tokens": 1, "accept_cut": True} if variant == "exact" else {"max_tokens": 60}
    read = input_upper_bound("", prompt(scenario.calls))
    most_usd = allowed * Price(price_in, PRICE_OUT).cost(read, call["max_tokens"])
    caps = {"calls": allowed, "tokens": allowed * (read + call["max_tokens"])}
    limits = {variant: caps[variant]} if variant in caps else {"cost_usd": most_usd}
    with Worker(scenario, provider) as worker:
        prices = {"price_input": price_in, "price_output": PRICE_OUT}
        run = worker.launch(call=call, limits=limits, connection=prices)
        worker.work(run, began=watch.start, ended=watch.stop_wall)
        figures = watch.figures()
    entries = provider.entries()
    answered = [entry for entry in entries if entry.status == 200]
    tokens = sum(entry.input_tokens + entry.output_tokens for entry in answered)
    billed = sum(e.input_tokens * price_in + e.output_tokens * PRICE_OUT for e in answered) / 1e6
    run = Run.objects.get(pk=run.pk)
    over = {
        "calls": len(entries) - allowed,
        "exact": len(entries) - allowed,
        "money": round(max(billed, run.spent_usd) - most_usd, 9),
        "tokens": max(tokens, run.spent_tokens) - caps["tokens"],
    }[variant]
    return {
        **figures,
        "allowed": allowed,
        "requests": len(entries),
        "overshoot": max(over, 0),
        "difference": abs(run.spent_usd - billed) + abs(run.spent_tokens - tokens),
    }


TRIALS: dict[str, Callable[[Scenario, str, Provider], Figures]] = {
    "hedging": hedging,
    "faults": faults,
    "outage": outage,
    "budget": budget,
    "cancels": cancelling.cancels,
    "cluster": three_workers.cluster,
}
