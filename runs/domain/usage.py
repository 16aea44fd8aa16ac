"""Tokens, prices and the money of one call. US dollars, tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

BYTES_A_MESSAGE = 64  # what a chat template may add around one message
BYTES_A_SCHEMA = 512  # what a provider may tell its model about a schema's use


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; None where the provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


class Reservation(NamedTuple):
    """What a call takes at most: US dollars (0 where the price is unknown) and tokens."""

    cost_usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `None` stands for an unknown price, never for free."""

    input_per_m: float
    output_per_m: float
    cached_per_m: float | None = None
    source: str = ""

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        cached_rate = self.input_per_m if self.cached_per_m is None else self.cached_per_m
        fresh = max(input_tokens - cached_tokens, 0)
        return (
            fresh * self.input_per_m
            + cached_tokens * cached_rate
            + output_tokens * self.output_per_m
        ) / 1e6

    def most(self, input_tokens: int, output_tokens: int) -> float:
        """However much of the input comes from a cache."""
        return max(
            self.cost(input_tokens, output_tokens),
            self.cost(input_tokens, output_tokens, input_tokens),
        )


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """US dollars of a call, None where price or usage is unknown."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return price.cost(usage.input_tokens, usage.output_tokens, usage.cached_tokens or 0)


def input_upper_bound(*messages: str, schema: Mapping[str, Any] | None = None) -> int:
    """Tokens that the messages, and a schema sent with them, can cost at most: no tokenizer gives
    more than one a byte."""
    tokens = sum(len(message.encode()) + BYTES_A_MESSAGE for message in messages if message)
    if schema is not None:
        tokens += len(json.dumps(schema)) + BYTES_A_SCHEMA
    return tokens
