"""Recorded votes of real models, replayed as whole runs: the published figures come out again.

Only where PARWEB_RECORDED is set: they take a minute.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import recordings
from tests.nested import nested_spec
from tests.processes import ROOT, parweb_environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("PARWEB_RECORDED"),
    reason="PARWEB_RECORDED names no directory of recorded votes",
)

GSM8K = "gsm8k__gpt-4o-mini"
FIRST_SEEN = [
    # recording, reader, stop, accuracy in percent, votes a question
    (GSM8K, "number", "all", 94.23, 40.00),
    (GSM8K, "number", "confident", 94.23, 6.17),
    (GSM8K, "number", "strict", 94.23, 9.07),
    ("aime2024__o3-mini-low", "number", "all", 70.00, 40.00),
    ("aime2024__o3-mini-low", "number", "confident", 70.00, 15.10),
    ("aime2024__o3-mini-medium", "number", "all", 90.00, 40.00),
    ("aime2024__o3-mini-medium", "number", "confident", 90.00, 9.13),
    ("aime2024__o3-mini-high", "number", "all", 96.67, 40.00),
    ("aime2024__o3-mini-high", "number", "confident", 96.67, 6.57),
    ("gpqa_diamond__o3-mini-low", "whole_text", "all", 68.18, 40.00),
    ("gpqa_diamond__o3-mini-low", "whole_text", "confident", 68.18, 9.71),
]


def replay(tmp_path: Path, recording: str, reader: str, stop: str, ties: str) -> dict[str, Any]:
    spec = nested_spec(
        recordings.recording(recording),
        votes={"samples": 40, "stop": stop},
        join={"method": "majority", "reader": {"kind": reader}, "ties": ties},
    )
    file = tmp_path / "run.json"
    file.write_text(json.dumps(spec), "utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "launch", "--file", str(file), "--json"],
        cwd=ROOT,
        env=parweb_environment(tmp_path / "data"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def accuracy(found: dict[str, Any]) -> float:
    pieces = found["pieces"]
    return 100 * sum(bool(one["quality"].get("is_hit")) for one in pieces) / len(pieces)


def votes(found: dict[str, Any]) -> float:
    pieces = found["pieces"]
    return float(sum(one["quality"]["launched"] for one in pieces)) / len(pieces)


@pytest.mark.parametrize(("recording", "reader", "stop", "right", "asked"), FIRST_SEEN)
def test_recorded_votes_give_the_published_figures(
    tmp_path: Path, recording: str, reader: str, stop: str, right: float, asked: float
) -> None:
    found = replay(tmp_path, recording, reader, stop, "first_seen")
    assert accuracy(found) == pytest.approx(right, abs=0.01)
    assert votes(found) == pytest.approx(asked, abs=0.01)
    if (recording, stop) == (GSM8K, "confident"):
        in_one = sum(one["quality"]["rounds"] == 1 for one in found["pieces"])
        assert 100 * in_one / len(found["pieces"]) == pytest.approx(81.2, abs=0.05)


def test_declared_ties_are_told_and_are_no_hits(tmp_path: Path) -> None:
    found = replay(tmp_path, GSM8K, "number", "all", "declare")
    assert accuracy(found) == pytest.approx(94.08, abs=0.01)
    assert sum(one["outcome"] == "tie" for one in found["pieces"]) == 4
    assert found["status"] == "partial"
