"""Every kind of fault in some share of the calls: no fault becomes a success, nothing is lost."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import oracle
from tests.cluster import StartCluster
from tests.processes import Simulator, StartSimulator

# What the provider did → the reason parweb must give. A used-up quota ends no branch: it holds the
# run, which has tests of its own.
REASONS = {
    "500": "unavailable",
    "529": "throttled",
    "reset": "unavailable",
    "reset_during": "unavailable",
    "cut": "bad_reply",
    "truncated": "bad_reply",
    "no_end_mark": "bad_reply",
    "malformed": "bad_reply",
    "error_event": "bad_reply",
    "empty": "bad_reply",
    "stall": "deadline",
    "filtered": "content_filter",
    "length": "length",
    "401": "auth",
}
UNCLEAR_CUTS = {"bad_reply", "unavailable"}  # a cut body may arrive as either
BRANCHES = 300
ATTEMPTS = (
    "SELECT a.uuid, a.status, a.error_kind, b.status, b.error_kind, b.reason "
    "FROM runs_attempt a JOIN runs_branch b ON b.id = a.branch_id"
)


def faulty(start: StartSimulator, *kinds: str, share: float = 0.02) -> Simulator:
    options = [part for kind in kinds for part in ("--fault", f"{kind}:{share}")]
    return start("--latency", "fixed:0.01", "--seed", "7", *options)


def run_it(tmp_path: Path, simulator: Simulator, branches: int, **changes: Any) -> dict[str, Any]:
    """The run's result, executed by `launch` itself: nothing else serves the directory."""
    file = oracle.run_file(tmp_path / "run.yaml", simulator.base_url, branches, **changes)
    return oracle.launch(tmp_path / "data", "--file", str(file)).result()


def faults_by_uuid(simulator: Simulator) -> dict[str, str]:
    return {e["uuid"]: e["fault"] for e in simulator.entries() if e["event"] == "start"}


@pytest.fixture(scope="module")
def one_try_limits() -> dict[str, Any]:
    return {"tries": 1, "deadline_s": 2}


def test_with_one_try_each_fault_is_the_end_of_its_branch_with_its_true_reason(
    start_simulator: StartSimulator, tmp_path: Path, one_try_limits: dict[str, Any]
) -> None:
    simulator = faulty(start_simulator, *REASONS)
    result = run_it(tmp_path, simulator, BRANCHES, limits=one_try_limits)
    faults = faults_by_uuid(simulator)
    assert {kind for kind in faults.values() if kind} == set(REASONS), "each fault was injected"
    attempts = oracle.query(tmp_path / "data", ATTEMPTS)
    assert {row[0] for row in attempts} == set(faults), "the database holds every attempt"
    for uuid, status, kind, *branch in attempts:
        check_attempt(faults[uuid], status, kind, branch)
    assert result["status"] == "partial"
    assert len(result["contributions"]) == BRANCHES
    assert sum(result["branches"].values()) == BRANCHES


def check_attempt(fault: str, status: str, kind: str, branch: list[str]) -> None:
    if not fault:
        assert (status, kind) == ("ok", "")
        return
    expected = REASONS[fault]
    if expected == "throttled":
        assert status == "throttled", "a 529 uses up no try"
        return
    assert status == "error", f"{fault} became {status}"
    assert kind == expected or (kind in UNCLEAR_CUTS and expected in UNCLEAR_CUTS), (fault, kind)
    branch_status, branch_kind, reason = branch
    assert (branch_status, branch_kind) == ("failed", kind)
    assert reason


def test_with_four_tries_what_can_pass_passes(
    start_simulator: StartSimulator, tmp_path: Path
) -> None:
    passing = [kind for kind, reason in REASONS.items() if reason in {*UNCLEAR_CUTS, "throttled"}]
    simulator = faulty(start_simulator, *passing)
    result = run_it(tmp_path, simulator, BRANCHES)
    assert result["status"] == "succeeded"
    assert result["branches"] == {"succeeded": BRANCHES}
    attempts = oracle.query(tmp_path / "data", ATTEMPTS)
    faults = faults_by_uuid(simulator)
    assert any(faults.values())
    assert all((faults[uuid] == "") == (status == "ok") for uuid, status, *_ in attempts)


@pytest.mark.parametrize("sends_end_mark", [True, False])
def test_a_missing_end_mark_is_taken_where_it_was_declared_and_a_cut_never(
    start_simulator: StartSimulator, tmp_path: Path, sends_end_mark: bool
) -> None:
    cuts = ("cut", "reset_during")
    shares = [f"{kind}:0.25" for kind in ("no_end_mark", *cuts)]
    options = [part for share in shares for part in ("--fault", share)]
    simulator = start_simulator("--latency", "fixed:0.01", "--seed", "7", *options)
    provider = {
        "name": "run", "kind": "simulated", "base_url": simulator.base_url, "in_flight": 8,
        "sends_end_mark": sends_end_mark,
    }  # fmt: skip
    run_it(tmp_path, simulator, 60, provider=provider, limits={"tries": 1, "deadline_s": 5})
    faults = faults_by_uuid(simulator)
    assert {*faults.values()} == {"", "no_end_mark", *cuts}
    for uuid, status, *_ in oracle.query(tmp_path / "data", ATTEMPTS):
        taken = {""} if sends_end_mark else {"", "no_end_mark"}
        assert (status == "ok") is (faults[uuid] in taken), faults[uuid]


POLICIES: list[tuple[dict[str, Any], str, str]] = [
    ({"policy": "mark_gaps"}, "partial", "joined_with_gaps"),
    ({"policy": "at_least", "least": 20}, "partial", "joined_with_gaps"),
    ({"policy": "at_least", "least": 30}, "failed", "no_quorum"),
    ({"policy": "all"}, "failed", "failed"),
    ({"policy": "stop"}, "failed", "failed"),
]


@pytest.mark.parametrize(("policy", "status", "outcome"), POLICIES)
def test_the_failure_policy_does_what_it_says(
    start_simulator: StartSimulator,
    tmp_path: Path,
    policy: dict[str, Any],
    status: str,
    outcome: str,
) -> None:
    simulator = one_refusal(start_simulator)
    result = run_it(tmp_path, simulator, 30, on_failure=policy)
    check_policy(simulator, result, policy, status, outcome)


@pytest.mark.cluster
def test_the_failure_policies_do_what_they_say_in_a_cluster(
    start_cluster: StartCluster, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    cluster = start_cluster(workers=2)
    for number, (policy, status, outcome) in enumerate(POLICIES):
        simulator = one_refusal(start_simulator)
        file = oracle.run_file(
            tmp_path / f"{number}.yaml", simulator.base_url, 30, on_failure=policy
        )
        launched = oracle.launch(cluster.data, "--file", str(file), **cluster.environment)
        check_policy(simulator, launched.result(), policy, status, outcome)
        simulator.child.stop()


def one_refusal(start: StartSimulator) -> Simulator:
    """A provider that refuses one branch of 30 for good."""
    return start("--latency", "fixed:0.02", "--fault", "400:1", "--fault-match", "line number 7")


def check_policy(
    simulator: Simulator,
    result: dict[str, Any],
    policy: dict[str, Any],
    status: str,
    outcome: str,
) -> None:
    assert (result["status"], result["outcome"]) == (status, outcome)
    assert len(result["contributions"]) == 30
    calls = len(faults_by_uuid(simulator))
    if policy["policy"] == "stop":
        assert calls < 30, "the first failure starts nothing more"
    else:
        assert calls == 30, "the others still end"
        assert result["branches"] == {"succeeded": 29, "failed": 1}
