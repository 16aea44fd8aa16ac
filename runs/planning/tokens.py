"""How many tokens a text has: an estimate for people, and a bound that money may rest on."""

from runs.domain.usage import input_upper_bound

CHARACTERS_A_TOKEN = 4


def estimate(text: str) -> int:
    """About how many tokens: characters ÷ 4, rounded up. Shown as an estimate, never billed."""
    return of_length(len(text))


def of_length(characters: int) -> int:
    return -(-characters // CHARACTERS_A_TOKEN)


def most(*messages: str) -> int:
    """More tokens than any tokenizer makes of the messages: one a byte, and their frames."""
    return input_upper_bound(*messages)
