"""How the estimate before a run did, in a sentence on its page."""

from collections.abc import Iterator, Mapping

from runs.domain.states import RunStatus
from runs.models import Run
from runs.planning.hindsight import Told, compared
from runs.presenters import figures

WORKED_THROUGH = frozenset({RunStatus.SUCCEEDED, RunStatus.PARTIAL})


def told_before(run: Run) -> str:
    """What was told of money and time; of a run worked through to its end, what it came to.
    Empty where nothing was told."""
    kpis = {"cost_usd": 0.0, "wall_s": 0.0, **run.kpis}
    found = compared(run.estimate, kpis)
    told = {name: found[name] for name in _named(found)}
    if not told:
        return ""
    said = "Told before the launch: " + " and ".join(_range(name, told[name]) for name in told)
    if run.status not in WORKED_THROUGH or run.chosen_pass > 1:
        return f"{said}."
    took = " and ".join(_took(name, told[name].took) for name in told)
    return f"{said}. It took {took}{_verdict(told)}."


def _named(found: Mapping[str, Told]) -> Iterator[str]:
    """Money where it costs any, and time."""
    if "cost_usd" in found and found["cost_usd"].most:
        yield "cost_usd"
    if "seconds" in found:
        yield "seconds"


def _range(name: str, told: Told) -> str:
    if name == "cost_usd":
        return f"{figures.money(told.expected)}, up to {figures.money(told.most)},"
    most = figures.about(told.most).removeprefix("about ")
    return f"{figures.about(told.expected)}, up to {most}"


def _took(name: str, took: float) -> str:
    return figures.money(took) if name == "cost_usd" else figures.seconds(took)


def _verdict(told: Mapping[str, Told]) -> str:
    words = {"cost_usd": "cost", "seconds": "time"}
    outside = [
        f"{words[name]} {'below' if one.is_below else 'above'} it"
        for name, one in told.items()
        if not one.is_within
    ]
    if not outside:
        return ", within that range"
    return ": " + ", ".join(outside)
