"""What several tests on a real database share."""

from collections.abc import Iterator

import pytest

from runs.execution.writer import Writer


@pytest.fixture
def writer() -> Iterator[Writer]:
    """The process's one writer, on a thread of its own."""
    writer = Writer()
    writer.start()
    yield writer
    writer.stop()
