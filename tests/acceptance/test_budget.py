"""Hard caps, held against the provider's own ledger: what it charged, and for how many calls."""

import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import oracle
from tests.processes import Parweb, ServeParweb, Simulator, StartSimulator

BRANCHES = 60
IN_FLIGHT = 20
MOST_OUTPUT = 12
FRESH, CACHED, WRITTEN = 2.5, 0.25, 10.0  # dollars a million tokens
HAIR = 1e-9  # of a dollar
TROUBLE = ("500:0.05", "529:0.03", "truncated:0.08", "malformed:0.05", "reset_during:0.05")


@dataclass(frozen=True)
class Charge:
    """What the provider asks for one request: nothing for one that it refused."""

    tokens: int
    usd: float


def charges(simulator: Simulator) -> dict[str, Charge]:
    """By the uuid of the attempt, of requests that have ended."""
    entries = simulator.entries()
    ends = {entry["uuid"]: entry for entry in entries if entry["event"] == "end"}
    return {
        start["uuid"]: charge(start, ends[start["uuid"]])
        for start in entries
        if start["event"] == "start" and start["uuid"] in ends
    }


def charge(start: Mapping[str, Any], end: Mapping[str, Any]) -> Charge:
    if end["status"] != 200:
        return Charge(0, 0.0)
    fresh = start["input_tokens"] - start["cached_tokens"]
    usd = fresh * FRESH + start["cached_tokens"] * CACHED + end["output_tokens"] * WRITTEN
    return Charge(start["input_tokens"] + end["output_tokens"], usd / 1e6)


def starts(simulator: Simulator) -> int:
    return sum(entry["event"] == "start" for entry in simulator.entries())


def priced(parweb: Parweb, simulator: Simulator, name: str, in_flight: int = IN_FLIGHT) -> None:
    """A connection to the simulator with prices of its own."""
    values = {
        "name": name, "kind": "simulated", "base_url": simulator.base_url, "in_flight": in_flight,
        "price_input": FRESH, "price_cached": CACHED, "price_output": WRITTEN,
    }  # fmt: skip
    parweb.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User; from runs.models import Connection; "
        f"Connection.objects.create(owner=User.objects.get(), **{values!r})",
    )


def capped_file(path: Path, **caps: float) -> Path:
    """Lines of one length and answers cut at one, so that all calls read and write as much."""
    return oracle.run_file(
        path,
        "",
        BRANCHES,
        provider=None,
        call={
            "connection": path.stem,
            "model": "simulated-small",
            "max_tokens": MOST_OUTPUT,
            "accept_cut": True,
        },
        limits={"tries": 6, "deadline_s": 20, **caps},
        input={"text": "\n".join(f"line number {n:02d}" for n in range(BRANCHES))},
    )


def one_call() -> tuple[Charge, Charge]:
    """What a call of `capped_file` is charged, and what it reserves."""
    prompt = "Repeat: line number 00"
    read, bound = 8 + len(prompt) // 4, len(prompt) + 64
    cached = read // 2
    usd = ((read - cached) * FRESH + cached * CACHED + MOST_OUTPUT * WRITTEN) / 1e6
    most = (bound * FRESH + MOST_OUTPUT * WRITTEN) / 1e6
    return Charge(read + MOST_OUTPUT, usd), Charge(bound + MOST_OUTPUT, most)


def cap_for(kind: str, calls: int) -> dict[str, float]:
    """A cap under which exactly so many calls fit, however they overlap."""
    taken, reserved = one_call()
    match kind:
        case "calls":
            return {"calls": calls}
        case "tokens":
            return {"tokens": (calls - 1) * taken.tokens + reserved.tokens}
    return {"cost_usd": round((calls - 1) * taken.usd + reserved.usd, 12)}


MONEY = (
    "SELECT spent_usd, reserved_usd, budget_usd, spent_tokens, reserved_tokens, budget_tokens, "
    "calls, budget_calls FROM runs_run ORDER BY id DESC LIMIT 1"
)


def look(data: Path) -> tuple[Any, ...]:
    """The newest run's account, as a reader finds it between two commits."""
    row = oracle.query(data, MONEY)[0]
    spent, reserved, cap, tokens, held, most, calls, most_calls = row
    assert cap is None or spent + reserved <= cap + HAIR
    assert most is None or tokens + held <= most
    assert most_calls is None or calls <= most_calls
    return row


def watched(launched: oracle.Launch, data: Path) -> tuple[dict[str, Any], int]:
    """The run's result, and how often its account was looked at on the way."""
    looks = 0
    while launched.process.poll() is None:
        if oracle.query(data, "SELECT 1 FROM runs_run LIMIT 1"):
            look(data)
            looks += 1
        time.sleep(0.002)
    return launched.result(), looks


def attempts(data: Path) -> dict[str, tuple[Any, ...]]:
    """Cost, whether it is confirmed, tokens read and written, and reserved; by uuid."""
    found = oracle.query(
        data,
        "SELECT uuid, cost_usd, is_cost_confirmed, input_tokens, output_tokens, reserved_tokens "
        "FROM runs_attempt WHERE run_id = (SELECT max(id) FROM runs_run)",
    )
    return {uuid: rest for uuid, *rest in found}  # type: ignore[misc]


def check_account(data: Path, simulator: Simulator) -> None:
    """What is recorded is what was charged; where the provider did not say, at least that."""
    row, asked, recorded = look(data), charges(simulator), attempts(data)
    spent, reserved, _, tokens, held, *_ = row
    assert (reserved, held) == (0, 0)
    assert set(asked) <= set(recorded), "a request was sent that no row tells of"
    for uuid, charged in asked.items():
        cost, is_confirmed, *_ = recorded[uuid]
        if is_confirmed:
            assert cost == pytest.approx(charged.usd, abs=HAIR)
        else:
            assert cost >= charged.usd - HAIR
    assert spent == pytest.approx(sum(cost or 0.0 for cost, *_ in recorded.values()), abs=HAIR)
    assert spent >= sum(charged.usd for charged in asked.values()) - HAIR
    assert tokens >= sum(charged.tokens for charged in asked.values())


@pytest.mark.timeout(240)
def test_a_cap_for_some_of_the_calls_lets_exactly_those_through(
    serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("--latency", "uniform:0.01,0.06", "--cached", "0.5")
    parweb = serve_parweb(tmp_path / "data")
    before = 0
    for kind, calls in (("cost_usd", 23), ("tokens", 31), ("calls", 17)):
        priced(parweb, simulator, kind)
        file = capped_file(tmp_path / f"{kind}.yaml", **cap_for(kind, calls))
        result, looks = watched(oracle.launch(parweb.data, "--file", str(file)), parweb.data)
        assert starts(simulator) - before == calls, result
        assert looks > 3
        assert result["status"] == "partial"
        assert result["branches"] == {"succeeded": calls, "cancelled": BRANCHES - calls}
        row, asked = look(parweb.data), list(charges(simulator).values())[-calls:]
        assert row[0] == pytest.approx(sum(charged.usd for charged in asked), abs=HAIR)
        assert row[3] == sum(charged.tokens for charged in asked)
        missing = [c["reason"] for c in result["contributions"] if c["kind"] == "missing"]
        assert len(missing) == BRANCHES - calls
        assert all(reason.startswith("Budget: the cap of ") for reason in missing)
        before = starts(simulator)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["cost_usd", "tokens", "calls"])
def test_errors_count_and_no_cap_is_passed_for_them(
    kind: str, serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    faults = [option for fault in TROUBLE for option in ("--fault", fault)]
    simulator = start_simulator("--latency", "uniform:0.01,0.06", "--cached", "0.5", *faults)
    parweb = serve_parweb(tmp_path / "data")
    priced(parweb, simulator, kind)
    cap = cap_for(kind, 40)
    file = capped_file(tmp_path / f"{kind}.yaml", **cap)
    result, looks = watched(oracle.launch(parweb.data, "--file", str(file)), parweb.data)
    assert result["status"] == "partial", result
    assert looks > 3
    check_account(parweb.data, simulator)
    asked = list(charges(simulator).values())
    assert any(entry.get("fault") for entry in simulator.entries())
    if kind == "calls":
        assert starts(simulator) <= 40
    if kind == "tokens":
        assert sum(charged.tokens for charged in asked) <= cap["tokens"]
    if kind == "cost_usd":
        assert sum(charged.usd for charged in asked) <= cap["cost_usd"] + HAIR


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["cost_usd", "tokens", "calls"])
def test_a_killed_process_passes_no_cap_when_it_returns(
    kind: str, serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("--latency", "uniform:0.02,0.1", "--cached", "0.5")
    data = tmp_path / "data"
    parweb = serve_parweb(data)
    priced(parweb, simulator, kind, in_flight=6)  # what is lost counts at its reservation
    cap = cap_for(kind, 56)
    file = capped_file(tmp_path / f"{kind}.yaml", **cap)
    launched = oracle.launch(data, "--file", str(file))
    for moment in (9, 22):
        oracle.wait_for_starts(simulator, moment)
        parweb.kill()
        look(data)
        parweb = serve_parweb(data)
    result, _ = watched(launched, data)
    assert result["status"] == "partial", result
    assert oracle.query(data, "SELECT count(*) FROM runs_attempt WHERE status = 'lost'")[0][0] > 0
    check_account(data, simulator)
    assert starts(simulator) <= 56


def test_what_the_simulator_charges_is_what_the_caps_here_are_made_of(
    start_simulator: StartSimulator,
) -> None:
    simulator = start_simulator("--cached", "0.5")
    body = {
        "model": "simulated-small",
        "max_tokens": MOST_OUTPUT,
        "messages": [{"role": "user", "content": "Repeat: line number 00"}],
    }
    address = f"{simulator.base_url}/chat/completions"
    urllib.request.urlopen(address, json.dumps(body).encode(), timeout=20).close()
    [found] = charges(simulator).values()
    assert found.tokens == one_call()[0].tokens
    assert found.usd == pytest.approx(one_call()[0].usd)
