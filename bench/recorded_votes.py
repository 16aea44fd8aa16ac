"""Recorded votes of real models, voted on again: accuracy, votes and tokens with an early stop.

    .venv/bin/python bench/recorded_votes.py DIRECTORY [--only TEXT] [--seed 7] [--most 40]

DIRECTORY holds recordings (JSONL; see the docs on replay), named DATASET__MODEL.jsonl. Each is
replayed through `manage.py launch … --json`, every vote first, then stopping at .95 and at .99;
ties are declared and are no hits. With --recorded the samples keep their order and a tie goes to
the answer seen first. Prints a table in Markdown.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launching import launched

READERS = {
    "gsm8k": "number", "aime2024": "number", "aime2025": "number", "gpqa_diamond": "whole_text",
    "math500": "whole_text", "last_letters": "whole_text", "cruxeval_output": "whole_text",
}  # fmt: skip
STOPS = {"all": "all", "confident": ".95", "strict": ".99"}
HEAD = (
    "| recording | questions | votes | accuracy, all votes | ties "
    "| accuracy .95 | votes .95 | votes saved | tokens saved "
    "| accuracy .99 | votes .99 | votes saved | tokens saved |"
)


@dataclass(frozen=True, slots=True)
class Figures:
    questions: int
    accuracy: float
    ties: int
    votes: float
    tokens: int
    one_wave: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", default="", help="recordings with this in their name")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most", type=int, default=100, help="votes a question at most")
    parser.add_argument("--recorded", action="store_true", help="recorded order, first seen wins")
    options = parser.parse_args()
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    with tempfile.TemporaryDirectory() as directory:
        for path in recordings(options.directory, options.only):
            print(line(path, options, Path(directory)), flush=True)


def recordings(directory: Path, only: str) -> Iterator[Path]:
    for path in sorted(directory.glob("*.jsonl")):
        if path.name.partition("__")[0] in READERS and only in path.name:
            yield path


def line(path: Path, options: argparse.Namespace, directory: Path) -> str:
    samples = min(options.most, fewest_samples(path))
    recording = answers_only(path, directory)
    found = {stop: measure(recording, stop, samples, options, directory) for stop in STOPS}
    every = found["all"]
    cells = [path.stem, f"{every.questions:,}", samples, f"{every.accuracy:.2f} %", every.ties]
    for stop in ("confident", "strict"):
        one = found[stop]
        cells += [
            f"{one.accuracy:.2f} %",
            f"{one.votes:.2f}",
            f"{100 * (1 - one.votes / samples):.1f} %",
            f"{100 * (1 - one.tokens / every.tokens):.1f} %" if every.tokens else "–",
        ]
    return "| " + " | ".join(map(str, cells)) + " |"


def fewest_samples(path: Path) -> int:
    with path.open(encoding="utf-8") as lines:
        return min(len(json.loads(line)["samples"]) for line in lines)


def answers_only(path: Path, directory: Path) -> Path:
    """The recording without whole texts: what is voted on is the answer that was read then."""
    copy = directory / path.name
    with path.open(encoding="utf-8") as lines, copy.open("w", encoding="utf-8") as file:
        for line in lines:
            entry = json.loads(line)
            for sample in entry["samples"]:
                sample.pop("text", None)
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return copy


def measure(
    recording: Path, stop: str, samples: int, options: argparse.Namespace, directory: Path
) -> Figures:
    return figures(launched(configuration(recording, stop, samples, options), directory))


def configuration(
    recording: Path, stop: str, samples: int, options: argparse.Namespace
) -> dict[str, Any]:
    ties = "first_seen" if options.recorded else "declare"
    reader = READERS[recording.name.partition("__")[0]]
    name = f"{recording.stem}"[:60]
    return {
        "name": f"{name} {stop}",
        "pattern": "voting",
        "each": {"by": "row"},
        "votes": {"samples": samples, "stop": stop},
        "join": {"method": "majority", "reader": {"kind": reader}, "ties": ties},
        "prompts": [{"text": "{{ row.question_id }}"}],
        "call": {"connection": name, "model": "recorded", "max_tokens": 400},
        "provider": {
            "name": name,
            "kind": "replay",
            "recording": str(recording),
            "shuffle": None if options.recorded else options.seed,
            "in_flight": 200,
        },
        "input": {"files": [str(recording)], "gold": "gold"},
    }


def figures(report: dict[str, Any]) -> Figures:
    pieces = report["pieces"]
    asked = [piece["quality"]["launched"] for piece in pieces]
    return Figures(
        questions=len(pieces),
        accuracy=100 * sum(bool(one["quality"].get("is_hit")) for one in pieces) / len(pieces),
        ties=sum(piece["outcome"] == "tie" for piece in pieces),
        votes=sum(asked) / len(pieces),
        tokens=report["kpis"].get("output_tokens") or 0,
        one_wave=sum(piece["quality"].get("rounds") == 1 for piece in pieces) / len(pieces),
    )


if __name__ == "__main__":
    main()
