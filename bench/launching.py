"""A run through `manage.py launch … --json`, as the measurements on recordings start it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def launched(spec: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The report of a run of `spec`, its data kept under `directory`. Ends the program where the
    launch was refused."""
    file = directory / "run.json"
    file.write_text(json.dumps(spec), "utf-8")  # JSON is YAML
    done = subprocess.run(
        [sys.executable, "manage.py", "launch", "--file", str(file), "--json"],
        cwd=ROOT,
        env={**os.environ, "PARWEB_DATA": str(directory / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise SystemExit(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
