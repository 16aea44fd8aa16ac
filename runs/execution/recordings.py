"""Where recordings lie: under the data directory, each under the hash of its content.

A key is that hash and nothing else, so that no name can lead out of the folder.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from runs.domain.errors import InvalidInput
from runs.providers import recordings
from runs.providers.recordings import FIELD, MOST_BYTES

__all__ = ["MOST_BYTES", "Kept", "exists", "forget", "keep", "path_of"]

_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that was stored, and what is in it."""

    key: str
    questions: int
    samples: int
    models: tuple[str, ...]


def path_of(key: str) -> Path | None:
    """The file of a key; None for anything that is no key."""
    return _folder() / f"{key}.jsonl" if _KEY.fullmatch(key) else None


def exists(key: str) -> bool:
    path = path_of(key)
    return path is not None and path.is_file()


def keep(chunks: Iterable[bytes]) -> Kept:
    """Store a recording. Raises `InvalidInput` that names the line where it is none."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            key = _copy(chunks, file.write)
        found = recordings.read(part)
        part.replace(folder / f"{key}.jsonl")
    finally:
        part.unlink(missing_ok=True)
    return Kept(key, found.questions, found.samples, found.models)


def forget(key: str) -> None:
    if (path := path_of(key)) is not None:
        path.unlink(missing_ok=True)


def _copy(chunks: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES:
            raise InvalidInput(f"A recording holds at most {MOST_BYTES // 10**6} MB.", FIELD)
        digest.update(chunk)
        write(chunk)
    return digest.hexdigest()


def _folder() -> Path:
    return Path(settings.PARWEB_DATA) / "recordings"
