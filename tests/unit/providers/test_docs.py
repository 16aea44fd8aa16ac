"""The page on adding a provider keeps up with the room."""

from pathlib import Path

import pytest

from runs.providers import registry
from runs.providers.child import ROOT

PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
FILES = sorted(path.name for path in Path(registry.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", [*registry.kinds(), *FILES])
def test_every_kind_and_file_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE
