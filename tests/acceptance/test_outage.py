"""A provider that answers nobody for a while: the run waits it out, by itself and cheaply."""

import json
import time
from pathlib import Path
from urllib.request import Request, urlopen

from tests.acceptance import oracle
from tests.processes import Simulator, StartSimulator

CALLS = 300
OUTAGE_S = 4.0
HELD = "SELECT json_extract(kpis, '$.held_reason') FROM runs_run"
CHANGES = "SELECT reason FROM runs_limiterchange ORDER BY id"


def change(simulator: Simulator, *faults: str) -> None:
    url = simulator.base_url.removesuffix("/v1") + "/_simulator/settings"
    body = json.dumps({"faults": faults}).encode()
    with urlopen(Request(url, body, method="POST")) as reply:
        reply.read()


def reasons_shown(data: Path, for_s: float) -> set[str]:
    """What the run says of why it waits, as its page would read it."""
    until, seen = time.monotonic() + for_s, set()
    while time.monotonic() < until:
        seen |= {row[0] for row in oracle.query(data, HELD)}
        time.sleep(0.1)
    return seen


def test_an_outage_holds_the_run_costs_little_and_loses_nothing(
    start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("--latency", "fixed:0.1")
    provider = {
        "name": "outage", "kind": "simulated", "base_url": simulator.base_url, "in_flight": 30,
    }  # fmt: skip
    file = oracle.run_file(tmp_path / "outage.yaml", "", CALLS, provider=provider)
    launched = oracle.launch(tmp_path / "data", "--file", str(file))
    oracle.wait_for_starts(simulator, CALLS // 5)
    change(simulator, "500:1")
    shown = reasons_shown(tmp_path / "data", OUTAGE_S)
    change(simulator)
    result = launched.result()
    assert result["branches"] == {"succeeded": CALLS}
    assert "the provider does not answer" in shown
    reasons = [row[0] for row in oracle.query(tmp_path / "data", CHANGES)]
    assert any(reason.startswith("held") for reason in reasons)
    assert "the provider answers again" in reasons
    entries = simulator.entries()
    assert any(e["event"] == "end" and e["fault"] for e in entries), "there was an outage"
    # Calls that were open when it began ended with its fault, and began without one.
    extra = sum(e["event"] == "start" and bool(e["fault"]) for e in entries)
    assert extra <= CALLS / 10 + 5
