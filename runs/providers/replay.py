"""The replay provider: answers from a recording, by question and sample. No model, no network."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.domain.errors import BadRequest, DeadlineExceeded, InvalidInput, NothingRecorded
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.engine.protocols import ModelRequest, OnPiece
from runs.providers import recordings
from runs.providers.recordings import Recording, Sample

PIECES = 8  # that a paced answer arrives in
MOST_SHUFFLED = 4_096
SHOWN = 80  # characters of a question in a message


@dataclass(frozen=True, slots=True)
class Replay:
    """What a connection of the kind `replay` says. `shuffle`: seed of each question's order of
    samples; None keeps the recorded one. A call takes `seconds`, and its tokens at
    `tokens_per_second`; None is at once."""

    path: Path | None
    shuffle: int | None = None
    seconds: float | None = None
    tokens_per_second: float | None = None

    def pace_s(self, tokens: int | None) -> float:
        streamed = (tokens or 0) / self.tokens_per_second if self.tokens_per_second else 0.0
        return (self.seconds or 0.0) + streamed


def replay_of(connection: Mapping[str, Any]) -> Replay:
    """`replay` of the connection: `path`, `shuffle`, and `pace`: seconds a call, as in `0.5`, or
    tokens a second, as in `80/s`; empty is at once."""
    told = connection.get("replay") or {}
    path, pace = told.get("path"), str(told.get("pace") or "")
    return Replay(
        Path(path) if path else None,
        told.get("shuffle"),
        None if pace.endswith("/s") else _positive(pace),
        _positive(pace.removesuffix("/s")) if pace.endswith("/s") else None,
    )


def _positive(pace: str) -> float | None:
    try:
        return max(float(pace), 0.0) or None
    except ValueError:
        return None


class ReplayClient:
    """The prompt, as it is rendered, is the question or its id; the call's sample is its place."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._reading: asyncio.Future[Recording] | None = None
        self._orders: dict[tuple[str, int], list[int]] = {}

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        sample = self._sample(await self._recording(), request.prompt.strip(), request.sample)
        deadline_s = request.limits.deadline_s
        pace_s = self._replay.pace_s(sample.tokens)
        if pace_s > 0:
            await _paced(sample.text, pace_s, deadline_s, on_piece)
        usage = Usage(0, sample.tokens)
        if not sample.text.strip():
            raise NothingRecorded(usage=usage)
        if pace_s <= 0:
            on_piece(sample.text)
        return Completion(sample.text, "stop", usage, request.call.model)

    async def models(self) -> list[str]:
        return list((await self._recording()).models)

    async def close(self) -> None:
        self._reading = None
        self._orders.clear()

    def _sample(self, recording: Recording, question: str, number: int) -> Sample:
        samples = recording.samples_of(question)
        if samples is None:
            shown = question if len(question) <= SHOWN else f"{question[:SHOWN]}…"
            raise BadRequest(
                f"The recording holds no question “{shown}”. The prompt must be a question or "
                "its question_id, and nothing else.",
                was_sent=False,
            )
        if number >= len(samples):
            raise BadRequest(
                f"Sample {number + 1:,} of this question was asked for, but only "
                f"{len(samples):,} are recorded.",
                was_sent=False,
            )
        return samples[self._order(question, len(samples))[number]]

    def _order(self, question: str, count: int) -> "list[int] | range":
        """The order in which a question's samples are given, the same in every run."""
        if self._replay.shuffle is None:
            return range(count)
        key = (question, count)
        order = self._orders.get(key)
        if order is None:
            if len(self._orders) >= MOST_SHUFFLED:
                self._orders.clear()
            order = list(range(count))
            random.Random(f"{self._replay.shuffle}:{question}").shuffle(order)
            self._orders[key] = order
        return order

    async def _recording(self) -> Recording:
        """Read once, off the loop; a failed reading is tried again at the next call."""
        reading = self._reading
        if reading is None:
            reading = self._reading = asyncio.ensure_future(asyncio.to_thread(self._read))
        if reading.done() and not reading.cancelled() and reading.exception() is None:
            return reading.result()
        try:
            return await asyncio.shield(reading)
        except InvalidInput as error:
            self._reading = None
            raise BadRequest(f"The recording cannot be read. {error.message}") from error
        except OSError as error:
            self._reading = None
            raise BadRequest(
                "The recording is not there any more. Upload it again under Providers.",
                was_sent=False,
            ) from error

    def _read(self) -> Recording:
        if self._replay.path is None:
            raise FileNotFoundError
        return recordings.read(self._replay.path)


async def _paced(text: str, pace_s: float, deadline_s: float, on_piece: OnPiece) -> None:
    """The text in a few pieces, evenly over `pace_s`. Raises `DeadlineExceeded`."""
    step = max(-(-len(text) // PIECES), 1)
    pieces = [text[start : start + step] for start in range(0, len(text), step)] or [""]
    try:
        async with asyncio.timeout(deadline_s):
            for piece in pieces:
                await asyncio.sleep(pace_s / len(pieces))
                if piece:
                    on_piece(piece)
    except TimeoutError:
        raise DeadlineExceeded from None
