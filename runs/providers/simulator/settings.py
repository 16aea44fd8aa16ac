"""How a simulator behaves: parsed from the command line, changed while it runs.

Standard library only; raises `ValueError` with a sentence for people.
"""

import argparse
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from runs.providers.simulator.faults import KINDS

DEFAULT_MODELS = ("simulated-small", "simulated-large")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds before the first token, drawn anew for each call.

    fixed:S · uniform:FROM,TO · lognormal:MEDIAN,SIGMA · exponential:MEAN
    """

    shape: str
    numbers: tuple[float, ...]

    def draw_s(self, rng: random.Random) -> float:
        if self.shape == "fixed":
            return self.numbers[0]
        if self.shape == "uniform":
            return rng.uniform(*self.numbers)
        if self.shape == "exponential":
            return rng.expovariate(1 / self.numbers[0]) if self.numbers[0] else 0.0
        median, sigma = self.numbers
        return rng.lognormvariate(math.log(median), sigma) if median else 0.0


SHAPES = {"fixed": 1, "uniform": 2, "lognormal": 2, "exponential": 1}


@dataclass(frozen=True, slots=True)
class Fault:
    """`share` of the calls (0..1) get the fault `kind`."""

    kind: str
    share: float


@dataclass(frozen=True, slots=True)
class Settings:
    """See `add_arguments` for what each means."""

    seed: int = 1
    latency: Latency = Latency("fixed", (0.0,))
    tokens_per_second: float = 0.0
    tokens: int = 60
    cached: float = 0.0
    limit_rpm: float = 0.0
    limit_tpm: float = 0.0
    limit_in_flight: int = 0
    burst: float = 1.0
    faults: tuple[Fault, ...] = ()
    fault_match: str = ""
    fail_first: int = 0
    models: tuple[str, ...] = ()
    api_key: str = ""


def parse_latency(text: str) -> Latency:
    shape, _, rest = text.partition(":")
    if shape not in SHAPES:
        raise ValueError(f"{text!r}: a latency is one of {', '.join(SHAPES)}, e.g. fixed:0.2")
    numbers = tuple(_number(part, text) for part in rest.split(","))
    if len(numbers) != SHAPES[shape]:
        raise ValueError(f"{text!r}: {shape} takes {SHAPES[shape]} number(s)")
    return Latency(shape, numbers)


def parse_fault(text: str) -> Fault:
    kind, _, share = text.partition(":")
    if kind not in KINDS:
        raise ValueError(f"{text!r}: a fault is one of {', '.join(KINDS)}")
    fault = Fault(kind, _number(share, text) if share else 1.0)
    if fault.share > 1:
        raise ValueError(f"{text!r}: the share lies between 0 and 1")
    return fault


def parse_faults(texts: Sequence[str]) -> tuple[Fault, ...]:
    faults = tuple(parse_fault(text) for text in texts)
    if sum(fault.share for fault in faults) > 1 + 1e-9:
        raise ValueError("the shares of all faults together are more than 1")
    return faults


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{whole!r}: {text!r} is no number from 0 upwards")
    return value


def changed(settings: Settings, wishes: Mapping[str, Any]) -> Settings:
    """The settings with those named changed; values as on the command line.

    `faults` is a list such as ["500:0.02"], `models` a list of names.
    """
    known = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    values: dict[str, Any] = {}
    for name, wish in wishes.items():
        if name not in known:
            raise ValueError(f"{name!r} is no setting; there are: {', '.join(known)}")
        values[name] = _value(name, wish, known[name])
    return replace(settings, **values)


def _value(name: str, wish: Any, kind: type) -> Any:
    if name == "latency":
        return parse_latency(str(wish))
    if name in {"faults", "models"}:
        if not isinstance(wish, list | tuple):
            raise ValueError(f"{name} is a list")
        texts = [str(text) for text in wish]
        return parse_faults(texts) if name == "faults" else tuple(texts)
    if kind is str:
        return str(wish)
    number = _number(str(wish), name)
    return int(number) if kind is int else number


def shown(settings: Settings) -> dict[str, Any]:
    """The settings in the form that `changed` takes; the key is left out."""
    latency = settings.latency
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    del values["api_key"]
    return values | {
        "latency": f"{latency.shape}:{','.join(f'{number:g}' for number in latency.numbers)}",
        "faults": [f"{fault.kind}:{fault.share:g}" for fault in settings.faults],
        "models": list(settings.models),
    }


EPILOG = """\
faults (name:share, share from 0 to 1, may be given several times):
{faults}

examples:
  a hosted model's pace     --latency lognormal:0.8,0.4 --tokens-per-second 60
  a provider with limits    --limit-rpm 600 --limit-tpm 100000
  two percent of trouble    --fault 500:0.01 --fault stall:0.01
  each prompt fails twice   --fault 500 --fail-first 2
  one branch always fails   --fault 500 --fault-match "incident 7"

While it runs:  POST /_simulator/settings  {{"faults": ["529:0.5"], "latency": "fixed:0.2"}}
                GET  /_simulator/settings  settings and counts
Each call's latency, answer and fault follow from the seed, the prompt and how often that prompt
was asked, so a run against a fresh simulator can be repeated.
"""


def epilog() -> str:
    return EPILOG.format(faults="\n".join(f"  {kind:<14}{does}" for kind, does in KINDS.items()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    add("--port", type=int, default=0, help="0, the default, picks a free one and prints it")
    add("--ledger", metavar="FILE", help="append every request's start and end as JSON lines")
    add("--seed", type=int, default=1, help="same seed, same answers, latencies and faults")
    add(
        "--latency",
        default="fixed:0",
        metavar="SHAPE",
        help="seconds to the first token: fixed:S, uniform:FROM,TO, lognormal:MEDIAN,SIGMA or"
        " exponential:MEAN (default fixed:0)",
    )
    add(
        "--tokens-per-second",
        default=0,
        metavar="N",
        help="pace of each stream; 0, the default, sends the answer at once",
    )
    add("--tokens", default=60, metavar="N", help="typical length of a text answer (default 60)")
    add("--cached", default=0, metavar="SHARE", help="of the tokens it reads, counted as cached")
    add("--limit-rpm", default=0, metavar="N", help="requests a minute before it answers 429")
    add("--limit-tpm", default=0, metavar="N", help="tokens a minute before it answers 429")
    add("--limit-in-flight", default=0, metavar="N", help="calls at once before it answers 429")
    add(
        "--burst",
        default=1,
        metavar="SECONDS",
        help="how many seconds' worth of a limit can be used up at once (default 1)",
    )
    add("--fault", action="append", default=[], metavar="NAME[:SHARE]", help="see below")
    add("--fault-match", default="", metavar="TEXT", help="only prompts with this text get faults")
    add(
        "--fail-first",
        default=0,
        metavar="N",
        help="the first N calls of each prompt get the first fault, later ones none",
    )
    add("--models", default="", metavar="A,B", help="answer 404 for any other model")
    add("--api-key", default="", metavar="KEY", help="answer 401 to any other key")
    add("--until-input-closes", action="store_true", help=argparse.SUPPRESS)


def from_arguments(options: Mapping[str, Any]) -> Settings:
    names = {field.name for field in fields(Settings)} - {"faults", "models"}
    wishes = {name: options[name] for name in names}
    models = [name for name in options["models"].split(",") if name]
    return changed(Settings(), {**wishes, "faults": options["fault"], "models": models})
