"""The simulated provider: routes, counts, and what each call gets."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from runs.providers.simulator.answers import answer
from runs.providers.simulator.faults import BEHAVIOURS
from runs.providers.simulator.http1 import Exchange, Request
from runs.providers.simulator.ledger import Ledger
from runs.providers.simulator.limits import Limits, Verdict, retry_headers
from runs.providers.simulator.prompts import Question, RequestError, question
from runs.providers.simulator.reply import Answer, Reply
from runs.providers.simulator.settings import DEFAULT_MODELS, Settings, changed, shown

BUSY_WAIT_S = 1.0


class Simulator:
    """Answers on every connection that `protocol` makes."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._limits = Limits(settings, time.monotonic())
        self._asked: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._in_flight = 0
        self._exchanges: set[Exchange] = set()

    def protocol(self) -> Exchange:
        return Exchange(self.serve, self._exchanges)

    async def close(self) -> None:
        """End every open call; each gets its end in the ledger."""
        tasks = [task for exchange in tuple(self._exchanges) if (task := exchange.end())]
        if tasks:
            await asyncio.wait(tasks)

    async def serve(self, request: Request, exchange: Exchange) -> None:
        route = (request.method, request.path)
        if route == ("POST", "/v1/chat/completions"):
            await self._chat(request, exchange)
        elif route == ("GET", "/v1/models"):
            self._list_models(request, exchange)
        elif route == ("POST", "/_simulator/settings"):
            self._change(request, exchange)
        elif route == ("GET", "/_simulator/settings"):
            self._show(exchange)
        elif route == ("GET", "/health"):
            exchange.reply(200, {"status": "ok"})
        else:
            exchange.reply(404, _error("not_found", f"Nothing is at {request.path}."))

    def _list_models(self, request: Request, exchange: Exchange) -> None:
        if not self._is_key_right(request):
            exchange.reply(401, _error("invalid_api_key", "Incorrect API key provided."))
            return
        names = self._settings.models or DEFAULT_MODELS
        rows = [{"id": name, "object": "model", "owned_by": "simulator"} for name in names]
        exchange.reply(200, {"object": "list", "data": rows})

    def _change(self, request: Request, exchange: Exchange) -> None:
        try:
            wishes = request.json()
            if not isinstance(wishes, dict):
                raise RequestError("send a JSON object of settings")
            self._settings = changed(self._settings, wishes)
        except ValueError as error:
            exchange.reply(400, _error("invalid_settings", str(error)))
            return
        if any(name.startswith("limit_") or name == "burst" for name in wishes):
            self._limits = Limits(self._settings, time.monotonic())
        self._show(exchange)

    def _show(self, exchange: Exchange) -> None:
        counts = {"in_flight": self._in_flight, **self._counts}
        exchange.reply(200, {**shown(self._settings), "counts": counts})

    async def _chat(self, request: Request, exchange: Exchange) -> None:
        try:
            asked = question(request.json())
        except ValueError as error:
            exchange.reply(400, _error("invalid_request_error", str(error)))
            return
        times_before = self._asked[asked.digest]
        self._asked[asked.digest] += 1
        rng = random.Random(seed_of(self._settings.seed, asked.digest, times_before))
        latency_s = self._settings.latency.draw_s(rng)
        fault_now = partial(self._fault, asked, times_before, rng.random())
        reply = self._reply(asked, self._answer(asked, rng), exchange)
        reply.fault = fault_now()
        self._start(request, asked, reply)
        try:
            await self._give(request, asked, reply, latency_s, fault_now)
        finally:
            self._end(request, reply)

    def _answer(self, asked: Question, rng: random.Random) -> Answer:
        given = answer(asked, rng, self._settings.tokens)
        cached = int(given.input_tokens * min(self._settings.cached, 1.0))
        return replace(given, cached_tokens=cached) if cached else given

    async def _give(
        self,
        request: Request,
        asked: Question,
        reply: Reply,
        latency_s: float,
        fault_now: Callable[[], str],
    ) -> None:
        if self._refused(request, asked, reply):
            return
        self._in_flight += 1
        try:
            if latency_s:
                await asyncio.sleep(latency_s)
                reply.fault = reply.fault or fault_now()  # what began meanwhile meets it, too
            await (BEHAVIOURS[reply.fault](reply) if reply.fault else reply.whole())
        finally:
            self._in_flight -= 1

    def _refused(self, request: Request, asked: Question, reply: Reply) -> bool:
        """Whether key, model or limits stand against the call; it is then answered."""
        if not self._is_key_right(request):
            reply.refuse(401, _error("invalid_api_key", "Incorrect API key provided.")["error"])
            return True
        if self._settings.models and asked.model not in self._settings.models:
            told = f"The model {asked.model} does not exist."
            reply.refuse(404, _error("model_not_found", told)["error"])
            return True
        verdict = self._verdict(reply.answer)
        reply.headers = verdict.headers
        if verdict.wait_s > 0:
            self._counts["throttled"] += 1
            reply.refuse(429, _error("rate_limit_exceeded", "Rate limit reached.")["error"])
            return True
        return False

    def _verdict(self, given: Answer) -> Verdict:
        most = self._settings.limit_in_flight
        if most and self._in_flight >= most:
            return Verdict(BUSY_WAIT_S, retry_headers(BUSY_WAIT_S))
        return self._limits.ask(given.input_tokens + len(given.pieces), time.monotonic())

    def _fault(self, asked: Question, times_before: int, drawn: float) -> str:
        settings = self._settings
        if not settings.faults or settings.fault_match not in asked.prompt:
            return ""
        if settings.fail_first:
            return settings.faults[0].kind if times_before < settings.fail_first else ""
        for fault in settings.faults:
            if drawn < fault.share:
                return fault.kind
            drawn -= fault.share
        return ""

    def _reply(self, asked: Question, given: Answer, exchange: Exchange) -> Reply:
        pace = self._settings.tokens_per_second
        self._counts["requests"] += 1
        return Reply(
            exchange=exchange,
            answer=given,
            number=self._counts["requests"],
            model=asked.model,
            created=int(time.time()),
            is_streamed=asked.is_streamed,
            wants_usage=asked.wants_usage,
            pause_s=1 / pace if pace else 0.0,
            headers={},
        )

    def _start(self, request: Request, asked: Question, reply: Reply) -> None:
        self._ledger.write(
            "start",
            uuid=request.headers.get("idempotency-key", ""),
            number=reply.number,
            prompt_hash=asked.digest,
            model=asked.model,
            input_tokens=reply.answer.input_tokens,
            fault=reply.fault,
            cached_tokens=reply.answer.cached_tokens,
        )

    def _end(self, request: Request, reply: Reply) -> None:
        self._counts["ended"] += 1
        self._ledger.write(
            "end",
            uuid=request.headers.get("idempotency-key", ""),
            number=reply.number,
            status=reply.status,
            sent_all=reply.sent_all,
            output_tokens=reply.sent_tokens,
            fault=reply.fault,
        )

    def _is_key_right(self, request: Request) -> bool:
        key = self._settings.api_key
        return not key or request.headers.get("authorization", "") == f"Bearer {key}"


def seed_of(seed: int, digest: str, times_before: int) -> int:
    named = f"{seed}/{digest}/{times_before}".encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "big")


def _error(code: str, message: str) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": code, "code": code}}
