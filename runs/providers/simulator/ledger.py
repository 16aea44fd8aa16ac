"""The simulator's own record of every request: what tests believe, whatever parweb says.

JSON lines, appended whole and flushed: `start` at receipt, `end` when the reply ended.
"""

import json
import os
import time
from typing import Any


class Ledger:
    """`path` None keeps no file."""

    def __init__(self, path: str | None = None) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(path, flags, 0o600) if path else None

    def write(self, event: str, **values: Any) -> None:
        if self._file is not None:
            line = json.dumps({"event": event, "at": time.time(), **values})
            os.write(self._file, f"{line}\n".encode())

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
