"""The replay provider: recorded samples by question, in a fixed order, at a pace if asked for."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import BadRequest, DeadlineExceeded, InvalidInput, NothingRecorded
from runs.domain.plan import CallSettings
from runs.domain.policies import CallLimits
from runs.domain.results import Completion
from runs.engine.protocols import ModelRequest
from runs.providers import recordings, registry
from runs.providers.replay import ReplayClient

QUESTION = "How many legs have two cats?"
LINES: list[dict[str, Any]] = [
    {
        "model": "recorded",
        "question_id": "cats",
        "question": QUESTION,
        "gold": "8",
        "samples": [
            {"answer": "8", "tokens": 12},
            {"answer": "", "text": "I do not know", "tokens": 7},
            {"answer": "6", "text": "So it is 6", "tokens": 3},
            {"items": ["a | X", "b | Y"]},
        ],
    },
    {"question_id": 7, "samples": [{"answer": str(number)} for number in range(40)]},
]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)) + "\n\n", encoding="utf-8")
    return path


def client_of(path: Path | None, **replay: Any) -> ReplayClient:
    client = registry.client({"kind": "replay", "replay": {"path": path, **replay}})
    assert isinstance(client, ReplayClient)
    return client


async def ask(client: ReplayClient, prompt: str, sample: int = 0, deadline_s: float = 5) -> Any:
    pieces: list[str] = []
    call = CallSettings("replay", "recorded", 10)
    request = ModelRequest(prompt, call, CallLimits(deadline_s=deadline_s), "uuid", sample)
    completion = await client.complete(request, pieces.append)
    assert "".join(pieces) == completion.text
    return completion


async def test_a_sample_is_found_by_the_question_or_its_id(recording: Path) -> None:
    client = client_of(recording)
    for prompt in ("cats", QUESTION, f"  {QUESTION}\n"):
        found: Completion = await ask(client, prompt)
        assert (found.text, found.finish) == ("8", "stop")
        assert (found.usage.input_tokens, found.usage.output_tokens) == (0, 12)
    assert (await ask(client, "7", 39)).text == "39"


async def test_the_whole_text_comes_before_the_answer_and_items_are_json(recording: Path) -> None:
    client = client_of(recording)
    assert (await ask(client, "cats", 2)).text == "So it is 6"
    assert (await ask(client, "cats", 3)).text == '["a | X", "b | Y"]'


async def test_a_recorded_list_without_items_is_an_answer_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_text(json.dumps({"question_id": 1, "samples": [{"items": []}, {"text": ""}]}))
    assert (await ask(client_of(path), "1", 0)).text == "[]"
    with pytest.raises(NothingRecorded):
        await ask(client_of(path), "1", 1)


async def test_a_sample_without_an_answer_fails_for_good(recording: Path) -> None:
    with pytest.raises(NothingRecorded, match="No answer was recorded") as caught:
        await ask(client_of(recording), "cats", 1)
    assert not caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens == 7


@pytest.mark.parametrize(
    ("prompt", "sample", "words"),
    [
        ("dogs", 0, "holds no question “dogs”"),
        ("cats", 4, "Sample 5 .* only 4 are recorded"),
    ],
)
async def test_what_is_not_recorded_is_refused(
    recording: Path, prompt: str, sample: int, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        await ask(client_of(recording), prompt, sample)


async def test_a_seed_orders_each_question_in_the_same_way_every_time(recording: Path) -> None:
    async def order(seed: int | None) -> list[str]:
        client = client_of(recording, shuffle=seed)
        return [(await ask(client, "7", sample)).text for sample in range(40)]

    first, again, other = await order(7), await order(7), await order(8)
    recorded = await order(None)
    assert first == again != other
    assert sorted(first) == sorted(recorded)
    assert first != recorded


async def test_a_pace_past_the_deadline_is_a_deadline(recording: Path) -> None:
    with pytest.raises(DeadlineExceeded):
        await ask(client_of(recording, pace="9"), "cats", deadline_s=0.01)


async def test_a_pace_in_tokens_a_second_streams_the_answer(recording: Path) -> None:
    assert (await ask(client_of(recording, pace="4000/s"), "cats", 2)).text == "So it is 6"


async def test_the_models_are_those_of_the_recording(recording: Path) -> None:
    assert await client_of(recording).models() == ["recorded"]


async def test_many_calls_at_once_read_the_file_once(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    read = recordings.read
    monkeypatch.setattr(recordings, "read", lambda path: reads.append(path) or read(path))
    client = client_of(recording)
    await asyncio.gather(*(ask(client, "7", sample) for sample in range(40)))
    assert len(reads) == 1


async def test_a_recording_that_is_gone_says_what_to_do(tmp_path: Path) -> None:
    for path in (None, tmp_path / "gone.jsonl"):
        with pytest.raises(BadRequest, match="Upload it again"):
            await ask(client_of(path), "cats")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "Line 2: this is no JSON"),
        (b"[1]", "Line 2: must be an object"),
        (b'{"samples": [{"answer": "1"}]}', "Line 2: question_id"),
        (b'{"question_id": "b"}', "Line 2: samples"),
        (b'{"question_id": "b", "samples": [3]}', "Line 2: sample 1 must be an object"),
        (b'{"question_id": "b", "samples": [{}]}', "Line 2: sample 1 has no answer"),
        (
            b'{"question_id": "b", "samples": [{"answer": "", "tokens": "x"}]}',
            "Line 2: the tokens of sample 1",
        ),
        (b'{"question_id": "a", "samples": [{"answer": "1"}]}', "Line 2: .*second time"),
    ],
)
def test_a_line_that_is_no_recording_is_named(line: bytes, words: str) -> None:
    good = b'{"question_id": "a", "samples": [{"answer": "1"}]}'
    with pytest.raises(InvalidInput, match=words):
        recordings.read_lines([good, line])


def test_a_recording_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_BYTES", 60)
    with pytest.raises(InvalidInput, match="at most"):
        recordings.read_lines([b'{"question_id": "a", "samples": [{"answer": "1"}]}'] * 2)


def test_a_file_without_questions_is_none() -> None:
    with pytest.raises(InvalidInput, match="no question"):
        recordings.read_lines([b"\n"])
