"""What a model's tokens cost: a connection's own prices, else the table that ships with parweb.

The table is genai-prices, used offline: its own updating is never started.
"""

from datetime import datetime
from functools import lru_cache

from genai_prices import Usage, calc_price
from genai_prices.types import PriceCalculation

from runs.domain.usage import Price

FREE_KINDS = frozenset({"local", "simulated", "replay"})
ANYBODYS_KINDS = frozenset({"openai_compatible"})  # a dialect: it says nothing on who is paid
_SAMPLE = 1_000  # tokens priced: few enough for the base tier of every model
_PER_M = 1_000_000 // _SAMPLE


def price(
    provider_hint: str,
    model: str,
    override_in: float | None = None,
    override_out: float | None = None,
    override_cached: float | None = None,
    *,
    at: datetime | None = None,
) -> Price | None:
    """US dollars per million tokens, None where they are unknown: unknown is never free.

    provider_hint: `local`, `simulated` or `replay` (free unless overridden), the connection's base
    URL, or a provider's name as in the table. override_in, override_out, override_cached: the
    connection's own. Cached input costs as other input where nothing else is known, and an own
    price of input is not mixed with the table's of cached input.
    at: the time whose prices are meant, for the few models that have cheaper hours.
    """
    own = (override_in, override_out, override_cached)
    if override_in is not None and override_out is not None:
        return Price(override_in, override_out, override_cached, source="connection")
    if provider_hint in FREE_KINDS:
        return Price(override_in or 0.0, override_out or 0.0, override_cached, source=provider_hint)
    listed = _listed(provider_hint, model, at)
    if listed is None or own == (None, None, None):
        return listed
    listed_cached = listed.cached_per_m if override_in is None else None
    return Price(
        listed.input_per_m if override_in is None else override_in,
        listed.output_per_m if override_out is None else override_out,
        listed_cached if override_cached is None else override_cached,
        source="connection",
    )


@lru_cache(maxsize=512)
def _listed(provider_hint: str, model: str, at: datetime | None) -> Price | None:
    """The table's price; an address that is no known provider's has none."""
    if not provider_hint or not model or provider_hint in ANYBODYS_KINDS:
        return None
    try:
        fresh = _calculated(
            Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), provider_hint, model, at
        )
        cached = _calculated(
            Usage(input_tokens=_SAMPLE, cache_read_tokens=_SAMPLE), provider_hint, model, at
        )
    except LookupError:
        return None
    return Price(
        float(fresh.input_price * _PER_M),
        float(fresh.output_price * _PER_M),
        float(cached.input_price * _PER_M),
        source=f"genai-prices: {fresh.provider.name}, {fresh.model.name}",
    )


def _calculated(
    usage: Usage, provider_hint: str, model: str, at: datetime | None
) -> PriceCalculation:
    """Raises `LookupError` for an unknown provider or model."""
    if "://" in provider_hint:
        return calc_price(usage, model, provider_api_url=provider_hint, genai_request_timestamp=at)
    return calc_price(usage, model, provider_id=provider_hint, genai_request_timestamp=at)
