"""How long to wait before the next try. Pure: the random number is an argument."""

from runs.domain.policies import RetryPolicy


def backoff_s(
    policy: RetryPolicy, errors: int, fraction: float, retry_after_s: float | None
) -> float:
    """Seconds before try `errors + 1`: full jitter under an exponential ceiling.

    `fraction` in [0, 1) is the draw. The provider's Retry-After is a floor.
    """
    ceiling = min(policy.most_s, policy.base_s * 2.0 ** (errors - 1))
    return max(fraction * ceiling, retry_after_s or 0.0)
