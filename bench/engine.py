"""Measure parweb's engine against the simulated provider.

Each measurement is a process of its own with a simulator of its own; the variants of a scenario
take turns, and medians over the rounds are told. All scenarios take about a quarter of an hour.
What they are, and how each figure is counted, stands in the page that --out writes.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.measuring import Measured, alone, one, rounds  # noqa: E402
from bench.pace import Pace  # noqa: E402
from bench.page import page, told  # noqa: E402
from bench.scenarios import PEERS, SCENARIOS, Scenario  # noqa: E402

PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def main() -> None:
    options = parser().parse_args()
    if options.one:
        name, variant, number = options.one
        print(json.dumps(alone(SCENARIOS[name], variant, int(number))))
        return
    chosen = [SCENARIOS[name] for name in options.only]
    results: list[tuple[Scenario, Measured]] = []
    if options.few:
        results = few(chosen)
    else:
        pace = Pace(options.patience)
        for scenario in chosen:
            measured = rounds(scenario, options.repeat, options.peers, pace, tell)
            results.append((scenario, measured))
            tell("\n".join(["", *told(scenario, measured), ""]))
            if options.out:  # what is measured is not lost with what is not
                options.out.write_text(page(results, options.repeat), "utf-8")
    text = page(results, options.repeat)
    if options.out:
        options.out.write_text(text, "utf-8")
        tell(f"written: {options.out}")
    else:
        print(text)


def few(chosen: list[Scenario]) -> list[tuple[Scenario, Measured]]:
    """Every scenario with a few calls, in this process; a cluster is more than this process."""
    from bench import engine_room

    results = []
    with engine_room.prepared():
        for scenario in (one_of.few() for one_of in chosen if one_of.trial != "cluster"):
            variants = [variant for variant in scenario.variants if variant not in PEERS]
            results.append((scenario, {v: [{**one(scenario, v, 1), "round": 1}] for v in variants}))
            tell(scenario.name)
    return results


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="bench/engine.py",
        description=__doc__,
        epilog="scenarios:\n" + "\n".join(_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--repeat", type=int, default=3, metavar="N", help="rounds of each scenario (default 3)")
    add(
        "--only",
        type=_names,
        default=list(SCENARIOS),
        metavar="A,B",
        help="scenarios (default all)",
    )
    add("--out", type=Path, metavar="FILE", help="write the page there instead of printing it")
    add(
        "--peers",
        type=Path,
        metavar="PYTHON",
        default=PEERS_PYTHON if PEERS_PYTHON.exists() else None,
        help="a Python with requirements/peers.txt (default: that of .venv-peers, if there is one)",
    )
    add(
        "--patience",
        type=float,
        default=600.0,
        metavar="S",
        help="the most seconds to wait, in all, until a shared machine is quick (default 600)",
    )
    add("--few", action="store_true", help="a few calls of each, to see that everything works")
    add("--one", nargs=3, help=argparse.SUPPRESS)
    return made


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise argparse.ArgumentTypeError(
            f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}"
        )
    return names


def _lines() -> list[str]:
    return [
        f"  {scenario.name:<17}{', '.join(scenario.variants)}\n  {'':<17}{scenario.about}"
        for scenario in SCENARIOS.values()
    ]


if __name__ == "__main__":
    main()
