"""The docs name every method, setting, reader, policy, outcome, contribution, role and state."""

import dataclasses
import re
from pathlib import Path

import pytest

from runs.aggregation.registry import METHODS
from runs.domain.joins import ItemReader, JudgeCall, ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import OnFailure
from runs.domain.results import ContributionKind, OutcomeKind
from runs.domain.states import TRANSITIONS
from tests.unit.aggregation.children import answered
from tests.unit.aggregation.methods import (
    METHODS_UNDER_TEST,
    ROLES,
    agreeing,
    outcome_of,
    readable,
)

DOCS = Path(__file__).resolve().parents[3] / "docs"
JOINS = (DOCS / "joins.md").read_text(encoding="utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
STATES = [state for table in TRANSITIONS.values() for state in table]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("joins/*.md")}
INNER = {"union": ItemReader, "judge": JudgeCall}  # settings in settings, explained on that page

every_method = pytest.mark.parametrize("settings", METHODS, ids=lambda settings: settings.__name__)


def test_every_method_has_a_page_and_every_page_a_method():
    assert set(PAGES) == {settings().method for settings in METHODS}


@every_method
def test_a_page_names_every_setting_and_says_when_the_join_misleads(settings):
    method = settings().method
    page = PAGES[method]
    assert page.startswith(f"# {method}\n")
    assert f"(joins/{method}.md)" in JOINS
    headings = ["Settings", "Outcomes", "When it misleads"]
    assert [word for word in headings if f"\n## {word}\n" not in page] == []
    inner = dataclasses.fields(INNER[method]) if method in INNER else ()
    names = {field.name for field in (*dataclasses.fields(settings), *inner)} - {"method"}
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("settings", METHODS_UNDER_TEST, ids=lambda s: s.method)
def test_a_page_names_every_outcome_and_figure_that_its_join_gives(settings):
    page = PAGES[settings.method]
    role = ROLES.get(type(settings), Role.SECTION)
    for model in (agreeing, lambda call: None):
        for count in (2, 3):
            texts = [readable(settings, number) for number in range(count)]
            children = [
                answered(index, text, role=role if index else Role.SECTION)
                for index, text in enumerate(texts)
            ]
            outcome = outcome_of(settings, children, model=model)
            assert f"`{outcome.kind}`" in page
            unnamed = [n for n in outcome.quality if f"`{n}`" not in page and f"`{n}`" not in JOINS]
            assert unnamed == []


@pytest.mark.parametrize("word", [*ReaderKind, *OnFailure, *OutcomeKind, *ContributionKind])
def test_every_word_of_a_join_is_explained(word):
    assert f"`{word}`" in JOINS


@pytest.mark.parametrize("word", [*Role, *OutcomeKind, *ContributionKind, *STATES])
def test_every_word_of_the_vocabulary_is_in_the_glossary(word):
    assert f"`{word}`" in GLOSSARY


def test_the_guide_names_the_files_it_sends_one_to():
    guide = (DOCS / "adding-an-aggregator.md").read_text(encoding="utf-8")
    root = DOCS.parent
    for path in (
        "runs/domain/joins.py",
        "runs/aggregation/readers.py",
        "runs/aggregation/registry.py",
        "runs/planning/join_rules.py",
        "tests/unit/aggregation/methods.py",
        "tests/unit/aggregation/test_conformance.py",
    ):
        assert path in guide
        assert (root / path).exists()


@pytest.mark.parametrize("page", ["joins.md", "voting.md", *(f"joins/{name}.md" for name in PAGES)])
def test_links_between_the_pages_lead_somewhere(page):
    path = DOCS / page
    links = re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
