"""The page on adding a provider keeps up with the room, and what it shows works."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import BadRequest, Throttled, WrongKey
from runs.providers import registry
from runs.providers.child import ROOT
from tests.unit.providers import test_dialects, test_guards
from tests.unit.providers.dialects import Dialect, Events, Refusal
from tests.unit.providers.servers import KEY

PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
FILES = sorted(path.name for path in Path(registry.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", [*registry.kinds(), *FILES])
def test_every_kind_and_file_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def shown() -> dict[str, Any]:
    """What the page's example defines."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {"__name__": "shown"}
    exec(compile(code, "adding-a-provider.md", "exec"), names)
    return names


def pieces(texts: Sequence[str]) -> Events:
    return [("", {"model": "m-1", "text": text}) for text in texts]


def ended(word: str, usage: bool) -> Events:
    counts = {"counts": {"in": 7, "out": 2, "cached": 4}} if usage else {}
    return [("", {"end": word, **counts})]


PLAIN = Dialect(
    shown()["Plain"],
    base="/v1",
    path="/v1/talk",
    key_header=f"x-plain-key: {KEY}",
    pieces=pieces,
    ended=ended,
    words={"stop": "done", "length": "too long", "filtered": "not allowed"},
    error=lambda code, message: [("", {"error": {"type": code, "message": message}})],
    listing=("/v1/models", {"data": [{"id": "b"}, {"id": "a"}]}),
    schema=lambda body: body["schema"],
    refusals={
        "throttled": Refusal(429, {"error": {}}, Throttled, ["Retry-After: 7"], 7.0),
        "key": Refusal(401, {"error": {"message": f"Incorrect: {KEY}"}}, WrongKey),
        "request": Refusal(400, {"error": {"message": f"bad {KEY}"}}, BadRequest),
    },
)


def suite() -> Iterator[Callable[..., Any]]:
    """The tests of every dialect that need nothing but a dialect."""
    for module in (test_dialects, test_guards):
        for name, test in vars(module).items():
            if name.startswith("test_") and [*inspect.signature(test).parameters] == ["dialect"]:
                yield test


@pytest.mark.parametrize("test", [*suite()], ids=lambda test: test.__name__)
async def test_the_example_of_a_dialect_passes_the_suite(test: Callable[..., Any]) -> None:
    result = test(PLAIN)
    if inspect.isawaitable(result):
        await result
