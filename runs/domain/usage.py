"""Tokens, prices and the money of one call. US dollars, tokens."""

from dataclasses import dataclass

BYTES_A_MESSAGE = 64  # what a chat template may add around one message


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; None where the provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


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


def cost_of(usage: Usage, price: Price | None) -> float | None:
    """US dollars of a call, None where price or usage is unknown."""
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    return price.cost(usage.input_tokens, usage.output_tokens, usage.cached_tokens or 0)


def input_upper_bound(*messages: str) -> int:
    """Tokens that the messages can cost at most: no tokenizer gives more than one a byte."""
    return sum(len(message.encode()) + BYTES_A_MESSAGE for message in messages if message)
