"""Recorded lists of real models, joined again: precision, recall and F1 of unions of n voters.

    .venv/bin/python bench/recorded_unions.py RECORDING [--draws 20] [--voters 3,5,9,24]

RECORDING holds lists of items by question (JSONL; see docs/replay.md). Each draw is a run through
`manage.py launch … --json` over the lists of n voters, the same for every question, drawn by the
draw's seed; figures are micro-averages: items right, found and wanted, summed over questions and
draws. Items fold where they are equal. Prints a table in Markdown.
"""

import argparse
import json
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launching import launched

SUPPORTS: dict[str, int | str] = {"union": 1, "2 of n": 2, "majority": "majority", "all": "all"}
EVERY = 24  # voters there are: their order changes nothing


@dataclass(slots=True)
class Score:
    right: int = 0
    found: int = 0
    wanted: int = 0

    def add(self, quality: dict[str, Any]) -> None:
        self.right += quality.get("items_right") or 0
        self.found += quality.get("items_found") or 0
        self.wanted += quality.get("items_wanted") or 0

    def cells(self) -> list[str]:
        shares = (
            self.right / max(self.found, 1),
            self.right / max(self.wanted, 1),
            2 * self.right / max(self.found + self.wanted, 1),
        )
        return [f"{100 * share:.1f}" for share in shares]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--voters", default="3,5,9,24")
    options = parser.parse_args()
    print("| voters | joined by | draws | precision | recall | F1 |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        for voters in map(int, options.voters.split(",")):
            draws = 1 if voters == EVERY else options.draws
            for name, support in SUPPORTS.items():
                score = Score()
                for seed in range(1, draws + 1):
                    draw(options.recording, voters, support, seed, Path(directory), score)
                print(f"| {voters} | {name} | {draws} | {' | '.join(score.cells())} |", flush=True)


def with_voters(recording: Path, voters: list[int], directory: Path) -> Path:
    """A copy with the samples of these voters alone."""
    copy = directory / "drawn.jsonl"
    with recording.open(encoding="utf-8") as lines, copy.open("w", encoding="utf-8") as file:
        for line in lines:
            entry = json.loads(line)
            entry["samples"] = [entry["samples"][voter] for voter in voters]
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return copy


def draw(
    recording: Path, voters: int, support: int | str, seed: int, directory: Path, score: Score
) -> None:
    """One run; its rows are added to `score`."""
    name = f"{voters} voters, draw {seed}"
    drawn = with_voters(recording, random.Random(seed).sample(range(EVERY), voters), directory)
    spec = {
        "name": f"{name}, {support}",
        "pattern": "voting",
        "each": {"by": "row"},
        "votes": {"samples": voters},
        "join": {"method": "union", "items": {"kind": "json"}, "least_support": support},
        "prompts": [{"text": "{{ row.question_id }}"}],
        "call": {"connection": name, "model": "recorded"},
        "provider": {
            "name": name,
            "kind": "replay",
            "recording": str(drawn),
            "in_flight": 200,
        },
        "input": {"files": [str(drawn)], "gold": "gold"},
    }
    for piece in launched(spec, directory)["pieces"]:
        score.add(piece["quality"])


if __name__ == "__main__":
    main()
