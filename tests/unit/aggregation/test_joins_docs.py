"""The docs name every method, setting, reader, policy, outcome, contribution, role and state."""

import dataclasses
from pathlib import Path

import pytest

from runs.aggregation.registry import METHODS
from runs.domain.joins import ReaderKind
from runs.domain.plan import Role
from runs.domain.policies import OnFailure
from runs.domain.results import ContributionKind, OutcomeKind
from runs.domain.states import TRANSITIONS

DOCS = Path(__file__).resolve().parents[3] / "docs"
JOINS = (DOCS / "joins.md").read_text(encoding="utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
STATES = [state for table in TRANSITIONS.values() for state in table]


@pytest.mark.parametrize("settings", METHODS, ids=lambda settings: settings.__name__)
def test_every_method_has_a_section_with_all_its_settings(settings):
    section = JOINS.split(f"\n## {settings().method}\n")[1].split("\n## ")[0]
    assert "Outcomes:" in section
    for field in dataclasses.fields(settings):
        assert field.name == "method" or f"`{field.name}`" in section


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
        "tests/unit/aggregation/test_conformance.py",
    ):
        assert path in guide
        assert (root / path).exists()
