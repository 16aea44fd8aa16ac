"""docs/configuration-file.md says what the code does: every field, default and example."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from runs.planning.files import dump_yaml, load_yaml
from runs.planning.messages import field_names
from runs.planning.shape import GROUPS, JOINS, Configuration

DOCS = (Path(__file__).parents[3] / "docs" / "configuration-file.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
ROWS = re.findall(r"^\| `([^`]+)` \| (.+?) \| .*\|$", DOCS, re.MULTILINE)
NO_DEFAULT = "required"
IN_WORDS = {"join.prompt"}  # too long for a table


def default_of(group: type, name: str) -> object:
    if dataclasses.is_dataclass(group):
        value = getattr(TypeAdapter(group).validate_python({}), name)
    else:
        field = group.model_fields[name]  # type: ignore[attr-defined]
        if field.is_required():
            return NO_DEFAULT
        value = field.default
    return json.loads(TypeAdapter(object).dump_json(value))


def fields() -> Iterator[tuple[str, type, str]]:
    """(path in the docs, group, field) of every field there is."""
    for path, group in GROUPS.items():
        prefix = path.replace(".*", "[]")
        for name in field_names(group):
            yield name if group is Configuration else f"{prefix}.{name}", group, name
    for group in JOINS.values():
        for name in field_names(group):
            yield f"join.{name}", group, name


@pytest.mark.parametrize(("path", "group", "name"), list(fields()))
def test_every_field_is_documented_with_its_default(path: str, group: type, name: str) -> None:
    shown = [default for field, default in ROWS if field == path]
    assert shown, f"{path} is missing"
    if path in IN_WORDS:
        return
    defaults = [d if d == NO_DEFAULT else yaml.safe_load(d.strip("`")) for d in shown]
    assert default_of(group, name) in defaults, defaults


def test_no_field_is_documented_that_is_none() -> None:
    assert {field for field, _ in ROWS} == {path for path, _, _ in fields()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[0])
def test_every_example_is_a_valid_file(example: str) -> None:
    configuration = load_yaml(example)
    assert load_yaml(dump_yaml(configuration)) == configuration


def test_there_is_an_example_of_each_pattern_join_split_and_variation() -> None:
    found = [load_yaml(example) for example in EXAMPLES]
    assert {c.pattern for c in found} == {"sectioning", "voting"}
    assert {c.join.method for c in found} == set(JOINS)
    sections = [c for c in found if c.pattern == "sectioning"]
    splits = {c.split.by for c in sections}
    assert splits == {"document", "chunks", "list", "row", "prompts"}
    assert "split: {by: line}" in DOCS
    variations = {c.votes.vary for c in found if c.pattern == "voting"}
    assert variations == {"none", "temperature", "template", "model"}
    assert {c.votes.stop for c in found} == {"all", "confident", "strict", "decided"}
    assert {c.each.by for c in found if c.each} == {"row", "chunks"}
    assert {c.on_failure.policy for c in found} == {"stop", "all", "at_least", "mark_gaps"}


def test_every_field_is_used_in_an_example() -> None:
    written = "\n".join(EXAMPLES)
    unused = {name for _, _, name in fields() if not re.search(rf"\b{name}:", written)}
    assert not unused


def test_links_within_the_page_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", DOCS, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCS)) <= anchors
