"""kill -9 of the one process, in the middle of a run: the run ends, and nothing is paid twice."""

from pathlib import Path

import pytest

from tests.acceptance import oracle
from tests.processes import ServeParweb, StartSimulator

BRANCHES = 60
MOMENTS = (1, 4, 8, 13, 20, 27, 35, 43, 52, 59)


@pytest.mark.timeout(240)
def test_a_killed_process_goes_on_with_its_run_and_calls_no_finished_branch_again(
    serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    parweb = serve_parweb(data)
    for moment in MOMENTS:
        simulator = start_simulator("--latency", "uniform:0.02,0.12", "--seed", str(moment))
        file = oracle.run_file(tmp_path / f"{moment}.yaml", simulator.base_url, BRANCHES)
        launched = oracle.launch(data, "--file", str(file))
        oracle.wait_for_starts(simulator, moment)
        before, finished = oracle.kill_and_return(parweb, simulator)
        parweb = serve_parweb(data)
        result = launched.result()
        assert result["status"] == "succeeded", result
        assert result["branches"] == {"succeeded": BRANCHES}
        assert len(result["contributions"]) == BRANCHES
        oracle.check_after_kill(before, finished, simulator.entries())
        simulator.child.stop()
    assert oracle.query(data, "SELECT count(*) FROM runs_attempt WHERE status = 'sent'") == [(0,)]
