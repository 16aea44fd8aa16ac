"""The simulated provider: seeded, limited, faulty where asked, and honest in its ledger."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import CallError, QuotaExhausted, Throttled, UnknownModel
from runs.domain.policies import CallLimits
from runs.providers import http
from runs.providers.addresses import Reach
from runs.providers.simulator.faults import KINDS
from runs.providers.simulator.settings import Settings, changed, parse_latency, shown
from tests.unit.providers.conftest import Clients
from tests.unit.providers.servers import ignore, request, simulating

HI = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
TICKET = "Classify the ticket. Answer with one of: billing, bug, other.\n\nI was charged twice."


async def answers(
    directory: Path, client_for: Clients, prompts: list[str], **how: Any
) -> list[str]:
    """The answers of a fresh simulator, asked one after the other."""
    async with simulating(directory) as provider:
        client = client_for(provider.url)
        return [(await client.complete(request(prompt, **how), ignore)).text for prompt in prompts]


async def test_a_fresh_simulator_repeats_itself(tmp_path: Path, client_for: Clients) -> None:
    prompts = [TICKET, "item 1", TICKET, "item 2"]
    first = await answers(tmp_path, client_for, prompts)
    assert first == await answers(tmp_path, client_for, prompts)


async def test_votes_mostly_agree_with_some_dissent(tmp_path: Path, client_for: Clients) -> None:
    tally = Counter(await answers(tmp_path, client_for, [TICKET] * 100))
    assert set(tally) <= {"billing", "bug", "other"}
    assert len(tally) > 1
    assert tally.most_common(1)[0][1] > 50


async def test_votes_at_temperature_zero_agree(tmp_path: Path, client_for: Clients) -> None:
    assert len(set(await answers(tmp_path, client_for, [TICKET] * 30, temperature=0.0))) == 1


async def test_text_is_labelled_as_simulated(tmp_path: Path, client_for: Clients) -> None:
    [text] = await answers(tmp_path, client_for, ["Write about the sea."])
    assert text.startswith("[simulated] ")


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        ("Answer yes or no: is it late?", {"yes", "no"}),
        ('Reply with exactly one word, "red" or "blue".', {"red", "blue"}),
        ("Labels:\n- spam\n- ham\n\nWhich one?", {"spam", "ham"}),
        ("Categories: late, lost / broken", {"late", "lost", "broken"}),
    ],
)
async def test_finds_the_choices_in_a_prompt(
    prompt: str, choices: set[str], tmp_path: Path, client_for: Clients
) -> None:
    assert set(await answers(tmp_path, client_for, [prompt] * 40)) <= choices


async def test_a_guard_lets_pass(tmp_path: Path, client_for: Clients) -> None:
    prompt = "Is this answer safe? Reply with pass or block.\n\nWater boils at 100 °C."
    assert set(await answers(tmp_path, client_for, [prompt] * 40)) == {"pass"}


async def test_a_merge_says_what_the_parts_say(tmp_path: Path, client_for: Clients) -> None:
    prompt = (
        "Write one text that says everything the parts below say.\n\n"
        "<part>\n[simulated] The pool ran dry at 09:12.\n</part>\n"
        "<part>\n[simulated] A disk filled up on db-3.\n</part>"
    )
    [text] = await answers(tmp_path, client_for, [prompt])
    assert text == "[simulated] The pool ran dry at 09:12. A disk filled up on db-3."


async def test_a_judge_mostly_likes_the_same_answer_under_any_letter(
    tmp_path: Path, client_for: Clients
) -> None:
    schema = {"type": "object", "properties": {"answer": {"enum": ["A", "B", "C"]}}}
    prompts = [
        "\n".join(
            f'<answer-5f2c letter="{letter}">\nanswer {place} of {number}\n</answer-5f2c>'
            for letter, place in zip("ABC", order, strict=True)
        )
        for number in range(40)
        for order in ((0, 1, 2), (2, 1, 0))
    ]
    said = [
        "ABC".index(json.loads(text)["answer"])
        for text in await answers(tmp_path, client_for, prompts, json_schema=schema)
    ]
    pairs = zip(said[::2], said[1::2], strict=True)
    assert 25 < sum(first == 2 - second for first, second in pairs) < 40


async def test_an_answer_fits_its_schema(tmp_path: Path, client_for: Clients) -> None:
    schema = {
        "type": "object",
        "properties": {
            "category": {"enum": ["billing", "bug"]},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            "urgent": {"type": "boolean"},
        },
    }
    for text in await answers(tmp_path, client_for, [TICKET] * 10, json_schema=schema):
        value = json.loads(text)
        assert value["category"] in {"billing", "bug"}
        assert 1 <= value["score"] <= 5
        assert 1 <= len(value["tags"]) <= 2
        assert isinstance(value["urgent"], bool)


async def test_an_answer_ends_at_its_limit(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path) as provider:
        client = client_for(provider.url)
        completion = await client.complete(request("Write.", max_tokens=5), ignore)
    assert completion.finish == "length"
    assert completion.usage.output_tokens == 5


async def test_answers_in_one_document_too(tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": TICKET}]}
    async with simulating(tmp_path) as provider:
        reply = await http.shared(Reach.LOOPBACK).post(
            f"{provider.url}/chat/completions", json=body
        )
    document = reply.json()
    assert document["choices"][0]["message"]["content"] in {"billing", "bug", "other"}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("fault", KINDS)
async def test_no_fault_passes_for_a_whole_answer(
    fault: str, tmp_path: Path, client_for: Clients
) -> None:
    limits = CallLimits(deadline_s=0.5, idle_s=0.2, max_bytes=200_000)
    async with simulating(tmp_path, faults=[fault], tokens=30) as provider:
        call = client_for(provider.url).complete(request(limits=limits), ignore)
        if fault == "length":
            assert (await call).finish == "length"
        else:
            with pytest.raises(CallError):
                await call


@pytest.mark.parametrize(
    "fault", ["malformed", "error_event", "empty", "filtered", "length", "500"]
)
async def test_no_fault_passes_for_a_whole_document(fault: str, tmp_path: Path) -> None:
    async with simulating(tmp_path, faults=[fault]) as provider:
        reply = await http.shared(Reach.LOOPBACK).post(f"{provider.url}/chat/completions", json=HI)
    has_text = '"content": "[simulated]' in reply.text
    assert not (has_text and '"finish_reason": "stop"' in reply.text)


async def test_requests_a_minute_are_limited_and_told(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, limit_rpm=60, burst=2) as provider:
        client = client_for(provider.url)
        for _ in range(2):
            await client.complete(request(), ignore)
        with pytest.raises(Throttled) as caught:
            await client.complete(request(), ignore)
    assert caught.value.retry_after_s == pytest.approx(1, abs=0.2)


async def test_tokens_a_minute_are_limited(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, limit_tpm=6000, burst=1) as provider:
        client = client_for(provider.url)
        results = await asyncio.gather(
            *(client.complete(request(f"item {number}"), ignore) for number in range(10)),
            return_exceptions=True,
        )
    assert sum(isinstance(result, Throttled) for result in results) >= 5
    assert not all(isinstance(result, Throttled) for result in results)


async def test_rate_limit_headers_come_with_every_reply(tmp_path: Path) -> None:
    async with simulating(tmp_path, limit_rpm=120, burst=60) as provider:
        reply = await http.shared(Reach.LOOPBACK).post(f"{provider.url}/chat/completions", json=HI)
    assert reply.headers["x-ratelimit-limit-requests"] == "120"
    assert reply.headers["x-ratelimit-remaining-requests"] == "119"


async def test_calls_at_once_are_limited(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, limit_in_flight=3, latency="fixed:0.1") as provider:
        client = client_for(provider.url)
        results = await asyncio.gather(
            *(client.complete(request(f"item {number}"), ignore) for number in range(8)),
            return_exceptions=True,
        )
    assert sum(isinstance(result, Throttled) for result in results) == 5


async def test_an_empty_account_is_not_throttled(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, faults=["quota"]) as provider:
        with pytest.raises(QuotaExhausted):
            await client_for(provider.url).complete(request(), ignore)


async def test_named_models_are_the_only_ones(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, models=["a", "b"]) as provider:
        client = client_for(provider.url)
        assert await client.models() == ["a", "b"]
        await client.complete(request(model="a"), ignore)
        with pytest.raises(UnknownModel, match="“c”"):
            await client.complete(request(model="c"), ignore)


async def test_faults_come_in_their_share(tmp_path: Path, client_for: Clients) -> None:
    patient = CallLimits(deadline_s=60, connect_s=60, idle_s=60)
    requests = [request(f"item {number}", limits=patient) for number in range(400)]
    async with simulating(tmp_path, faults=["500:0.2", "529:0.1"]) as provider:
        client = client_for(provider.url)
        await asyncio.gather(
            *(client.complete(each, ignore) for each in requests), return_exceptions=True
        )
        got = Counter(event["fault"] for event in provider.events("start"))
    assert got.total() == len(requests), "every call arrived"
    assert 50 <= got["500"] <= 110
    assert 20 <= got["529"] <= 65


async def test_faults_can_be_aimed_at_a_prompt(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, faults=["500"], fault_match="item 7") as provider:
        client = client_for(provider.url)
        await client.complete(request("item 6"), ignore)
        with pytest.raises(CallError):
            await client.complete(request("this is item 7"), ignore)


async def test_the_first_tries_of_each_prompt_can_fail(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path, faults=["500"], fail_first=2) as provider:
        client = client_for(provider.url)
        for prompt in ("a", "b"):
            for _ in range(2):
                with pytest.raises(CallError):
                    await client.complete(request(prompt), ignore)
            await client.complete(request(prompt), ignore)


async def test_settings_change_while_it_runs(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path) as provider:
        url = provider.url.removesuffix("/v1") + "/_simulator/settings"
        admin = http.shared(Reach.LOOPBACK)
        changed_to = await admin.post(url, json={"faults": ["529"], "latency": "fixed:0.01"})
        with pytest.raises(Throttled):
            await client_for(provider.url).complete(request(), ignore)
        assert changed_to.json()["faults"] == ["529:1"]
        await admin.post(url, json={"faults": []})
        await client_for(provider.url).complete(request(), ignore)
        assert (await admin.get(url)).json()["counts"]["requests"] == 2
        refused = await admin.post(url, json={"faults": ["earthquake"]})
    assert refused.status_code == 400
    assert "earthquake" in refused.json()["error"]["message"]


async def test_the_ledger_pairs_starts_and_ends(tmp_path: Path, client_for: Clients) -> None:
    async with simulating(tmp_path) as provider:
        client = client_for(provider.url)
        for number in range(3):
            await client.complete(request(uuid=f"uuid-{number}"), ignore)
        starts, ends = provider.events("start"), provider.events("end")
    assert [event["uuid"] for event in starts] == ["uuid-0", "uuid-1", "uuid-2"]
    assert [event["uuid"] for event in ends] == ["uuid-0", "uuid-1", "uuid-2"]
    assert all(event["status"] == 200 and event["sent_all"] for event in ends)
    assert all(event["output_tokens"] > 0 for event in ends)


async def test_a_call_that_is_open_at_the_end_is_ended_in_the_ledger(
    tmp_path: Path, client_for: Clients
) -> None:
    seen = asyncio.Event()
    async with simulating(tmp_path, tokens_per_second=2) as provider:
        call = asyncio.create_task(
            client_for(provider.url).complete(request(), lambda piece: seen.set())
        )
        await seen.wait()
    with pytest.raises(CallError):
        await call
    assert [event["sent_all"] for event in provider.events("end")] == [False]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"messages": []}', b'{"model": "m"}', b'{"model": "m", "messages": [5]}'],
)
async def test_a_request_that_is_none_is_a_400(body: bytes, tmp_path: Path) -> None:
    async with simulating(tmp_path) as provider:
        reply = await http.shared(Reach.LOOPBACK).post(
            f"{provider.url}/chat/completions", content=body
        )
    assert reply.status_code == 400


async def test_other_paths_are_a_404(tmp_path: Path) -> None:
    async with simulating(tmp_path) as provider:
        assert (await http.shared(Reach.LOOPBACK).get(f"{provider.url}/x")).status_code == 404


@pytest.mark.parametrize(
    "wishes",
    [
        {"latency": "fixed"},
        {"latency": "normal:1"},
        {"latency": "lognormal:1"},
        {"latency": "fixed:-1"},
        {"latency": "fixed:nan"},
        {"faults": ["500:2"]},
        {"faults": ["500:0.7", "529:0.7"]},
        {"faults": "500"},
        {"faults": ["500:x"]},
        {"limit_rpm": "many"},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_named(wishes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        changed(Settings(), wishes)


def test_settings_are_shown_as_they_are_given() -> None:
    wishes = {"latency": "lognormal:0.8,0.4", "faults": ["500:0.02"], "models": ["a"], "seed": 3}
    settings = changed(Settings(), wishes)
    assert {name: shown(settings)[name] for name in wishes} == wishes
    assert changed(Settings(), shown(settings)) == settings


@pytest.mark.parametrize("shape", ["fixed:0", "uniform:0,0", "lognormal:0,0.4", "exponential:0"])
def test_no_latency_can_be_said_in_each_shape(shape: str) -> None:
    assert parse_latency(shape).draw_s(random.Random(1)) == 0
