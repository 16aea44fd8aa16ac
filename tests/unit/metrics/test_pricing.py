"""Prices: a connection's own, the table's, none."""

import socket

import pytest

from runs.metrics import pricing
from runs.metrics.pricing import price


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a price was asked of the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    pricing._listed.cache_clear()


@pytest.mark.parametrize("hint", ["openai", "https://api.openai.com/v1"])
def test_a_known_model_has_the_price_of_the_table(hint):
    found = price(hint, "gpt-4o-mini")
    assert found is not None
    assert (found.input_per_m, found.output_per_m, found.cached_per_m) == (0.15, 0.6, 0.075)
    assert found.source == "genai-prices: OpenAI, gpt 4o mini"


@pytest.mark.parametrize(
    ("hint", "model"),
    [
        ("openai", "no-such-model"),
        ("http://127.0.0.1:8000/v1", "gpt-4o-mini"),
        ("openai_compatible", "gpt-4o-mini"),
        ("no such provider", "gpt-4o-mini"),
        ("", "gpt-4o-mini"),
        ("openai", ""),
    ],
)
def test_an_unknown_price_is_none_and_never_zero(hint, model):
    assert price(hint, model) is None


@pytest.mark.parametrize("hint", ["local", "simulated"])
def test_models_on_this_machine_are_free_unless_priced(hint):
    free = price(hint, "anything")
    assert free is not None
    assert free.cost(10**6, 10**6) == 0
    priced = price(hint, "anything", 0.5, None)
    assert priced is not None
    assert priced.cost(10**6, 10**6) == 0.5


def test_a_connections_own_prices_come_first():
    own = price("openai", "gpt-4o-mini", 1.0, 2.0)
    assert own is not None
    assert (own.input_per_m, own.output_per_m, own.source) == (1.0, 2.0, "connection")
    assert price("", "mine", 0.0, 0.0) is not None
    half = price("openai", "gpt-4o-mini", None, 2.0)
    assert half is not None
    assert (half.input_per_m, half.output_per_m) == (0.15, 2.0)
    assert price("", "mine", 1.0, None) is None


@pytest.mark.parametrize(
    ("own", "cached"),
    [
        ((None, None, 0.01), 0.01),
        ((None, 2.0, None), 0.075),  # the table's
        ((1.0, None, None), None),  # no more than half of two price lists
        ((1.0, 2.0, 0.1), 0.1),
        ((1.0, 2.0, None), None),
    ],
)
def test_cached_input_has_the_price_of_whoever_prices_the_input(own, cached):
    found = price("openai", "gpt-4o-mini", *own)
    assert found is not None
    assert found.cached_per_m == cached


def test_cached_input_without_a_price_costs_as_other_input():
    found = price("simulated", "any", 2.0, 0.0)
    assert found is not None
    assert found.cost(1_000_000, 0, 500_000) == 2.0
    cheaper = price("simulated", "any", 2.0, 0.0, 1.0)
    assert cheaper is not None
    assert cheaper.cost(1_000_000, 0, 500_000) == 1.5
