"""Every KPI and every label has its sentence, in the code and in the docs."""

from pathlib import Path

import pytest

from runs.metrics.definitions import DEFINITIONS, WASTED, WHERE
from runs.metrics.figures import RunFigures
from runs.metrics.kpis import compute
from runs.metrics.timing import LABELS
from runs.metrics.waste import CAUSES

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "kpis.md").read_text(encoding="utf-8")


def test_every_kpi_is_defined_and_nothing_else():
    assert set(DEFINITIONS) == set(compute(RunFigures(0, [])))


def test_every_label_of_where_the_time_went_is_defined_in_order():
    assert tuple(WHERE) == LABELS


def test_every_cause_of_waste_is_defined_in_order():
    assert tuple(WASTED) == CAUSES


@pytest.mark.parametrize("name", [*DEFINITIONS, *WHERE, *WASTED])
def test_the_docs_say_the_same_sentence(name):
    sentence = (DEFINITIONS | WHERE | WASTED)[name]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert f"| `{name}` | {sentence} |" in DOCS
