"""What `manage.py launch` was asked for: whose run, which configuration, which input.

Raises `CommandError` with exit code 2 for whatever is not acceptable; names the field.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.management.first_start import ensure_first_user
from runs.models import Configuration as Row
from runs.models import Connection
from runs.planning import configuration as configurations
from runs.planning import files
from runs.planning.configuration import Configuration
from runs.planning.inputs import InputFile, Material
from runs.queries.configurations import configurations_of, newest_revision
from runs.services.connections import keep_recording

USAGE = 2
YAML_SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 10_000
CHUNK = 1024 * 1024
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Request:
    owner: User
    configuration: Configuration
    row: Row | None
    material: Material | None


def read_request(
    *, name: str | None, file: Path | None, inputs: Sequence[str], username: str | None
) -> Request:
    """`name`: a stored configuration, or the path of a file; with `file`, what to call it."""
    owner = find_owner(username)
    if file is None and name is not None and _is_file(owner, name):
        file, name = Path(name), None
    if file is not None:
        configuration, row = _from_file(owner, file, name)
        beside = file.parent
        configuration = _with_recording(configuration, beside)
    elif name is not None:
        row = _row(owner, name)
        if row is None:
            raise usage(_unknown(owner, name))
        configuration, beside = _parsed(row), Path()
    else:
        raise usage("Name a configuration, or give a file with --file.")
    return Request(owner, configuration, row, _material(configuration, inputs, beside))


def find_owner(username: str | None) -> User:
    if username is None:
        return ensure_first_user()
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise usage(f"There is no user “{username}”.")
    return found


def usage(message: str) -> CommandError:
    return CommandError(message, returncode=USAGE)


def told(error: InvalidConfiguration) -> CommandError:
    """Every error on a line of its own, its field first."""
    return usage("This cannot be launched:\n" + "\n".join(f"  {e}" for e in error.errors))


def _is_file(owner: User, name: str) -> bool:
    is_named_so = name.endswith(YAML_SUFFIXES) and Path(name).is_file()
    return is_named_so and _row(owner, name) is None


def _row(owner: User, name: str) -> Row | None:
    return configurations_of(owner).filter(name=name).first()


def _unknown(owner: User, name: str) -> str:
    names = configurations_of(owner).order_by("name").values_list("name", flat=True)
    known = ", ".join(f"“{one}”" for one in names) or "none yet"
    return f"There is no configuration named “{name}”. Yours: {known}."


def _parsed(row: Row) -> Configuration:
    try:
        return configurations.parse(newest_revision(row).spec)
    except InvalidConfiguration as error:
        raise told(error) from error


def _from_file(owner: User, path: Path, name: str | None) -> tuple[Configuration, Row | None]:
    """The file's configuration; under the stored one of that name, if there is one."""
    try:
        configuration = files.load_yaml(_bytes(path))
    except InvalidConfiguration as error:
        raise usage(f"{path}:\n" + "\n".join(f"  {e}" for e in error.errors)) from error
    if name is not None:
        configuration = configuration.model_copy(update={"name": name[:120]})
    return configuration, _row(owner, configuration.name)


def _with_recording(configuration: Configuration, beside: Path) -> Configuration:
    """The recording that the file's provider names is stored where whoever executes finds it."""
    provider = configuration.provider
    if provider is None or provider.kind != Connection.Kind.REPLAY or not provider.recording:
        return configuration
    path = beside / provider.recording
    try:
        with path.open("rb") as file:
            key = keep_recording(iter(lambda: file.read(CHUNK), b""))
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror or error}.") from error
    except InvalidInput as error:
        raise usage(f"{path}: {error.message}") from error
    stored = provider.model_copy(update={"recording": key})
    return configuration.model_copy(update={"provider": stored})


def _material(configuration: Configuration, inputs: Sequence[str], beside: Path) -> Material | None:
    """What --input names, else the files that the configuration names, which lie beside it.
    None: whatever else the configuration carries."""
    given = configuration.input
    if inputs:
        text = sys.stdin.read() if STDIN in inputs else None
        paths = [Path(one) for one in inputs if one != STDIN]
        return Material(text=text, files=tuple(_files(paths)))
    if given is not None and given.files:
        return Material(files=tuple(_files([beside / one for one in given.files])))
    return None


def _files(paths: Sequence[Path]) -> Iterator[InputFile]:
    """Folders stand for the files in them, in order of their names."""
    found = [file for path in paths for file in _within(path)]
    if len(found) > MOST_FILES:
        raise usage(f"input: {len(found):,} files; at most {MOST_FILES:,} are taken.")
    for path in found:
        yield InputFile(path.name, _bytes(path))


def _within(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise usage(f"{path} is too large: at most {MOST_BYTES // 2**20} MB are read.")
        return path.read_bytes()
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror or error}.") from error
