"""Recorded answers of real models. They are no part of parweb: PARWEB_RECORDED names the directory
that holds them, and without them whoever reads them is skipped."""

import os
from pathlib import Path

import pytest

DIRECTORY = Path(
    os.environ.get("PARWEB_RECORDED")
    or Path(__file__).resolve().parents[2] / "shared" / "data" / "voting"
)


def recording(name: str) -> Path:
    path = DIRECTORY / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"{name} is not at hand: PARWEB_RECORDED names no directory with it")
    return path
