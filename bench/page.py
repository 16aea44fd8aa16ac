"""The page of results: medians, ratios within a round, and which goals are reached."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from statistics import median

from bench.measuring import Measured
from bench.scenarios import Column, Figures, Scenario

Round = dict[str, Figures]
Results = list[tuple[Scenario, Measured]]
VERSIONS = ("django", "channels", "daphne", "httpx", "aiohttp", "uvloop", "orjson")
TEXTS = Path(__file__).with_name("page.md")


def page(results: Results, repeat: int) -> str:
    intro, again = TEXTS.read_text("utf-8").split("<!-- results -->\n")
    lines = [intro.rstrip(), "", *head(results, repeat), "", "## Goals", "", *goals(results)]
    for scenario, measured in results:
        lines += ["", f"## {scenario.name}", "", scenario.about, "", *told(scenario, measured)]
    return "\n".join([*lines, "", again.strip(), ""])


def head(results: Results, repeat: int) -> list[str]:
    versions = ", ".join(f"{name} {found}" for name in VERSIONS if (found := _version(name)))
    return [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, "
        f"{versions}, on {os.cpu_count()} cores ({_processor()}), simulator and client on the same "
        f"machine. Medians of {repeat} rounds, of hedging over nine seeds; "
        "cancels, budgets and the cluster are measured once.",
        *pace(results),
    ]


def pace(results: Results) -> list[str]:
    """How quick the machine was before each measurement of speed."""
    paces = sorted(
        one["pace_ms"]
        for scenario, measured in results
        for rounds in measured.values()
        for one in rounds
        if scenario.is_speed and "pace_ms" in one
    )
    if not paces:
        return []
    return [
        "",
        f"*Pace* (100,000 additions) before each measurement of speed: {paces[0]:.1f} to "
        f"{paces[-1]:.1f} ms, the middle {median(paces):.1f} ms.",
    ]


def goals(results: Results) -> list[str]:
    lines = ["| scenario | goal | measured | reached |", "|---|---|---|---|"]
    for scenario, measured in results:
        figures = whole(scenario, measured)
        for goal in scenario.goals:
            figure = figures.get(goal.variant, {}).get(goal.key)
            found = "not measured" if figure is None else _rounded(figure)
            is_reached = figure is not None and goal.is_reached(figure)
            which = f"{goal.words} ({goal.variant})"
            reached = "yes" if is_reached else "**no**"
            lines.append(f"| {scenario.name} | {which} | {found} | {reached} |")
    return lines


def told(scenario: Scenario, measured: Measured) -> list[str]:
    """The scenario's table."""
    columns = [c for c in scenario.columns if c.key != "x_ideal" or scenario.ideal_s]
    lines = [
        f"| variant | {' | '.join(column.title for column in columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for variant, figures in whole(scenario, measured).items():
        cells = [_cell(column, figures) for column in columns]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return lines


def whole(scenario: Scenario, measured: Measured) -> dict[str, Figures]:
    """Of each variant every figure over all rounds: medians, of some the worst."""
    worst = {column.key for column in scenario.columns if column.is_worst}
    compared: Measured = {variant: [] for variant in measured}
    for number in sorted({one["round"] for rounds in measured.values() for one in rounds}):
        one_round = {v: o for v, rounds in measured.items() for o in rounds if o["round"] == number}
        for variant, figures in with_ratios(scenario, one_round).items():
            compared[variant].append(figures)
    return {
        variant: {
            key: (max if key in worst else median)(one[key] for one in rounds if key in one)
            for key in {key for one in rounds for key in one}
        }
        for variant, rounds in compared.items()
    }


def with_ratios(scenario: Scenario, one_round: Round) -> Round:
    """Compared with what was measured in the same minute."""
    ratios: Round = {}
    for variant, figures in one_round.items():
        more: Figures = {}
        if scenario.ideal_s:
            more["x_ideal"] = figures["wall_s"] / scenario.ideal_s
        if (bare := one_round.get("bare")) and "cpu_ms" in figures:
            more["x_bare"] = figures["cpu_ms"] / bare["cpu_ms"]
        if memory := one_round.get("memory"):
            more["x_memory"] = figures["wall_s"] / memory["wall_s"]
        if off := one_round.get("off"):
            more["saved"] = 1 - figures["wall_s"] / off["wall_s"]
        ratios[variant] = {**figures, **more}
    return ratios


def _cell(column: Column, figures: Figures) -> str:
    figure = figures.get(column.key)
    if figure is None:
        return ""
    return "never" if figure == inf else f"{figure:,.{column.digits}f}"


def _rounded(figure: float) -> str:
    return f"{figure:.0f}" if figure == int(figure) else f"{figure:.3g}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """What Linux calls it; elsewhere the platform's word."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next(
        (x.partition(": ")[2] for x in lines if x.startswith("model name")), platform.machine()
    )
