"""The data directory and the signing key in it. Runs before Django is set up: knows none of it.

A directory that cannot be written is no error here: `manage.py check` tells it in plain words.
"""

import os
import secrets
import tempfile
from pathlib import Path

KEY_NAME = "signing.key"


def prepare(directory: Path) -> None:
    """Make the data directory, readable by its owner only."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return


def signing_key(directory: Path) -> str:
    """The key that signs sessions: read from the data directory, made there the first time.

    Without a usable directory it lasts as long as the process.
    """
    file = directory / KEY_NAME
    try:
        if not file.exists():
            _write_once(file, secrets.token_urlsafe(50))
        return file.read_text("utf-8").strip()
    except OSError:
        return secrets.token_urlsafe(50)


def _write_once(file: Path, text: str) -> None:
    """Whole or not at all, also when two processes start together: the first one wins."""
    handle, draft = tempfile.mkstemp(dir=file.parent)  # mkstemp gives mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        Path(draft).unlink()
