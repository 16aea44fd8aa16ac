"""One measurement: a scenario's variant against a fresh simulator, in a process of its own.

Variants of a scenario take turns, so that what disturbs the machine disturbs them alike.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import provider
from bench.pace import Pace
from bench.provider import ROOT, Provider
from bench.scenarios import PEERS, Figures, Scenario

Measured = dict[str, list[Figures]]
Tell = Callable[[str], None]
PATIENCE_S = 600.0
COMMAND = ROOT / "bench" / "engine.py"
KEEPS_LEDGER = ("faults", "outage", "cancels", "budget", "hedging")


def one(scenario: Scenario, variant: str, number: int) -> Figures:
    """Measure here and now; the engine needs `engine_room.prepared` around it."""
    keeps_ledger = scenario.limit_a_s > 0 or scenario.trial in KEEPS_LEDGER
    with provider.started(scenario.simulator, number, keeps_ledger=keeps_ledger) as simulator:
        figures = _work(scenario, variant, simulator)
        if scenario.limit_a_s:
            from bench.goodput import goodput

            figures |= goodput(scenario, simulator.entries())
    return figures


def _work(scenario: Scenario, variant: str, simulator: Provider) -> Figures:
    """Imports what the variant needs: peers know no Django, floors nothing."""
    from bench import floors

    if variant in floors.VARIANTS:
        return floors.measure(scenario, variant, simulator)
    if variant in PEERS:
        from bench import peers

        return peers.measure(scenario, variant, simulator)
    if scenario.trial:
        from bench import trials

        return trials.TRIALS[scenario.trial](scenario, variant, simulator)
    from bench import engine_room

    return engine_room.measure(scenario, variant, simulator)


def alone(scenario: Scenario, variant: str, number: int) -> Figures:
    """What a process of its own does for `rounds`."""
    from bench import floors

    if variant in floors.VARIANTS or variant in PEERS:
        return one(scenario, variant, number)
    from bench import engine_room

    with engine_room.prepared():
        return one(scenario, variant, number)


def rounds(scenario: Scenario, repeat: int, peers: Path | None, pace: Pace, tell: Tell) -> Measured:
    """The figures of each variant, round by round. Peers are slow: the first round is all they
    get, and without `peers`, a Python that has them, they are left out."""
    wanted = [v for v in scenario.variants if v not in PEERS or peers is not None]
    measured: Measured = {variant: [] for variant in wanted}
    count = scenario.rounds or repeat
    for number in range(1, count + 1):
        for variant in wanted:
            if variant in PEERS and number > 1:
                continue
            pace_ms = pace.awaited() if scenario.is_speed else pace.now()
            began = time.monotonic()
            python = str(peers) if variant in PEERS else sys.executable
            place = f"{scenario.name} · {variant} · {number} of {count}"
            try:
                figures = _elsewhere(python, scenario, variant, number)
            except (
                subprocess.SubprocessError,
                OSError,
            ) as error:  # the others are still worth their time
                tell(f"{place}: not measured: {error}")
                continue
            measured[variant].append({**figures, "round": number, "pace_ms": pace_ms})
            took = f"{time.monotonic() - began:.0f} s, pace {pace_ms:.1f} ms"
            tell(f"{place}: {_short(figures)} ({took})")
    return {variant: found for variant, found in measured.items() if found}


def _elsewhere(python: str, scenario: Scenario, variant: str, number: int) -> Figures:
    done = subprocess.run(
        [python, str(COMMAND), "--one", scenario.name, variant, str(number)],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _environment() -> dict[str, str]:
    """Nothing of ours that a client might read: keys, proxies, settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _short(figures: Figures) -> str:
    told = ("wall_s", "cpu_ms", "x_limit", "extra", "lost", "false", "unusable", "overshoot")
    return ", ".join(f"{name} {figures[name]:.4g}" for name in told if name in figures)
