"""What the server draws is what the browser draws while live: both are held to one table.

The browser's half: tests/js/twins.test.js.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runs.presenters import figures
from runs.presenters.run_axis import (
    axis_for,
    curve,
    in_flight_samples,
    limit_line,
    place_mark,
    place_shut,
    top_of,
)
from runs.presenters.run_kpis import Cell, strip
from runs.presenters.run_order import Order, levels_above
from runs.presenters.run_rows import look, segments
from runs.presenters.run_rows import told as phases_told

FIXTURES = Path(__file__).parents[2] / "js" / "fixtures"


def table(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "given", "expected"), table("figures"))
def test_figures_read_alike(name: str, given: list[Any], expected: str) -> None:
    assert getattr(figures, name)(*given) == expected


@pytest.mark.parametrize("case", table("branches"), ids=lambda case: case["name"])
def test_branches_are_drawn_alike(case: dict[str, Any]) -> None:
    branch, now = case["branch"], case["now"]
    assert [list(segment) for segment in segments(branch, now, case.get("silent", ()))] == case[
        "segments"
    ]
    assert phases_told([tuple(segment) for segment in case["segments"]]) == case["told"]
    seen = look(branch, now, case["reads"], case.get("held", ""))
    assert {name: getattr(seen, name) for name in case["look"]} == case["look"]


@pytest.mark.parametrize("case", table("branches"), ids=lambda case: case["name"])
def test_phases_follow_one_another_without_overlap(case: dict[str, Any]) -> None:
    found = [
        one
        for one in segments(case["branch"], case["now"], case.get("silent", ()))
        if one[0] != "h"
    ]
    assert all(left[2] <= right[1] for left, right in pairwise(found))
    assert all(a < b or kind in "dj" for kind, a, b in found)


@pytest.mark.parametrize("case", table("axis")["axes"], ids=lambda case: str(case["span"]))
def test_axes_are_alike(case: dict[str, Any]) -> None:
    axis = axis_for(case["span"], case["is_open"])
    assert (axis.end, axis.step) == (case["end"], case["step"])
    assert [[tick.at, tick.label] for tick in axis.ticks] == case["ticks"]


def test_calls_in_flight_are_counted_alike() -> None:
    case = table("axis")["samples"]
    samples = in_flight_samples(case["branches"], case["now"], case["end"])
    assert samples == case["samples"]
    expected = table("axis")["curve"]
    assert curve(samples, expected["top"]) == expected["points"]


def test_the_limit_is_drawn_alike() -> None:
    case = table("axis")["limits"]
    now, end, top = case["now"], case["end"], case["top"]
    assert limit_line(case["line"], now, end, top) == case["points"]
    assert place_shut(case["shut"], now, end) == case["shut_styles"]
    marks = [place_mark(at, level, end, top) for at, level in case["marks"]]
    assert marks == case["mark_styles"]
    assert limit_line([], now, end, top) == ""
    assert all(top_of(peak, most) == found for peak, most, found in table("axis")["tops"])


def test_both_attempts_of_a_hedged_branch_are_in_flight() -> None:
    case = table("axis")["hedged"]
    assert in_flight_samples(case["branches"], case["now"], case["end"]) == case["samples"]


@pytest.mark.parametrize("case", table("kpis"), ids=lambda case: case["name"])
def test_the_strip_of_figures_is_alike(case: dict[str, Any]) -> None:
    assert [told(cell) for cell in strip(case["run"])] == case["cells"]


def told(cell: Cell) -> dict[str, Any]:
    return {
        "key": cell.key,
        "label": cell.label,
        "value": cell.value,
        "unit": cell.unit,
        "sub": [{"text": part.text, "tone": part.tone} for part in cell.sub],
        "bars": [{"state": bar.state, "share": bar.share} for bar in cell.bars],
    }


def test_a_merge_stands_above_its_parts() -> None:
    case = table("order")
    order = Order(case["parts"], levels_above(case["children"], case["parts"]))
    rows = sorted(case["rows"], key=order.key)
    assert [row["number"] for row in rows] == case["numbers"]
    depths = {str(row["number"]): order.depth(row) for row in case["rows"]}
    assert depths == case["depths"]
