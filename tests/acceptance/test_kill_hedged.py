"""kill -9 while second attempts are open: the run ends, nothing is paid twice, the money is exact.

Prices are dollars per million tokens, and the provider's ledger names the tokens of each request.
"""

import time
from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.acceptance import oracle
from tests.processes import Parweb, ServeParweb, Simulator, StartSimulator

BRANCHES = 60
HEDGES = (1, 3)  # second attempts that the ledger holds at the kill
PATIENCE_S = 30.0
READ, WRITTEN = 2.0, 8.0
TINY = 1e-9
CALLS = """
SELECT a.uuid, a.status, a.is_hedge, a.cost_usd, a.reserved_usd, a.is_cost_confirmed
FROM runs_attempt a JOIN runs_run r ON r.id = a.run_id WHERE r.name = 'Lines {name}'
"""
MONEY = "SELECT spent_usd, reserved_usd, calls FROM runs_run WHERE name = 'Lines {name}'"


class Call(NamedTuple):
    uuid: str
    status: str
    is_hedge: bool
    cost_usd: float
    reserved_usd: float
    is_confirmed: bool


@pytest.mark.timeout(120)
def test_a_killed_hedged_run_calls_no_finished_branch_again_and_its_money_is_exact(
    serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Any
) -> None:
    parweb = serve_parweb(tmp_path / "data")
    for moment in HEDGES:
        simulator = start_simulator(
            *("--latency", "lognormal:0.15,0.95", "--seed", str(moment), "--tokens", "20")
        )
        name = f"hedged{moment}"
        file = oracle.run_file(
            tmp_path / f"{name}.yaml", simulator.base_url, BRANCHES,
            limits={"tries": 4, "deadline_s": 20, "hedge": 0.5},
            provider={
                "name": name, "kind": "simulated", "base_url": simulator.base_url,
                "in_flight": BRANCHES, "price_input": READ, "price_output": WRITTEN,
            },
        )  # fmt: skip
        launched = oracle.launch(parweb.data, "--file", str(file))
        wait_for_hedges(simulator, moment)
        before, finished = oracle.kill_and_return(parweb, simulator)
        parweb = serve_parweb(parweb.data)
        result = launched.result()
        assert result["status"] == "succeeded", result
        assert result["branches"] == {"succeeded": BRANCHES}
        calls, after = calls_of(parweb, name), simulator.entries()
        check_calls(calls, before, finished, after)
        check_money(calls, after)
        check_sums(parweb, name, calls)
        simulator.child.stop()


def wait_for_hedges(simulator: Simulator, hedges: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if sum(calls - 1 for calls in starts(simulator.entries()).values()) >= hedges:
            return
        time.sleep(0.002)
    raise AssertionError("No second attempt was ever made.")


def starts(entries: list[dict[str, Any]]) -> Counter[str]:
    return Counter(e["prompt_hash"] for e in entries if e["event"] == "start")


def calls_of(parweb: Parweb, name: str) -> dict[str, Call]:
    rows = oracle.query(parweb.data, CALLS.format(name=name))
    return {row[0]: Call._make(row) for row in rows}


def check_calls(
    calls: dict[str, Call],
    before: list[dict[str, Any]],
    finished: set[str],
    after: list[dict[str, Any]],
) -> None:
    """P2 and P3, where a branch may have two calls besides."""
    sent = {e["uuid"] for e in after if e["event"] == "start"}
    assert sent <= calls.keys(), "no request without a row"
    assert {call.status for call in calls.values()} <= {"ok", "aborted", "lost"}
    assert any(call.status == "lost" for call in calls.values()), "the kill met an open call"
    assert any(call.is_hedge for call in calls.values())
    again = starts(after[len(before) :])
    assert not again.keys() & oracle.prompts_of(before, finished), "a finished branch"
    in_flight = {e["uuid"] for e in before if e["event"] == "start"} - finished
    hedges = sum(calls[uuid].is_hedge for uuid in sent)
    assert len(sent) - BRANCHES - hedges <= len(in_flight)
    assert max(starts(after).values()) <= 4, "twice before and twice after"


def check_money(calls: dict[str, Call], after: list[dict[str, Any]]) -> None:
    """P12: what answered costs what the ledger says, what did not its reservation."""
    written = {e["uuid"]: e.get("output_tokens", 0) for e in after if e["event"] == "end"}
    sent = {e["uuid"]: e["input_tokens"] for e in after if e["event"] == "start"}
    for uuid, read in sent.items():
        call, told = calls[uuid], (read * READ + written.get(uuid, 0) * WRITTEN) / 1e6
        if call.status == "ok":
            assert call.is_confirmed
            assert call.cost_usd == pytest.approx(told, abs=TINY)
        else:
            assert (call.cost_usd, bool(call.is_confirmed)) == (call.reserved_usd, False)
            assert call.cost_usd >= told
    for uuid in calls.keys() - sent.keys():
        assert calls[uuid].cost_usd in (0.0, calls[uuid].reserved_usd)


def check_sums(parweb: Parweb, name: str, calls: dict[str, Call]) -> None:
    [(spent_usd, reserved_usd, counted)] = oracle.query(parweb.data, MONEY.format(name=name))
    assert spent_usd == pytest.approx(sum(call.cost_usd for call in calls.values()), abs=TINY)
    assert (reserved_usd, counted) == (0, len(calls))
