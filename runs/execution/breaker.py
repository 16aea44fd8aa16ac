"""Whether the provider answers at all: a bucket of retry tokens, and the breaker over it. Pure."""

from dataclasses import dataclass

TOKENS = 10.0
A_SUCCESS = 0.1
HALF = TOKENS / 2
IN_A_ROW = 5  # failures without a success between
FIRST_PROBE_S = 0.5
LONGEST_PROBE_S = 5.0
PATIENCE_S = 600.0  # after it errors count again: calls that can never succeed come to an end


@dataclass(slots=True)
class Breaker:
    """Open: one call at a time goes out, as a probe, and errors are not the branch's own."""

    tokens: float = TOKENS
    failures: int = 0
    open_since: float | None = None
    probe_from: float = 0.0
    is_probing: bool = False
    _pause_s: float = FIRST_PROBE_S

    @property
    def is_open(self) -> bool:
        return self.open_since is not None

    def succeeded(self) -> bool:
        """True where this closed the breaker."""
        was_open = self.is_open
        self.tokens = min(self.tokens + A_SUCCESS, TOKENS)
        self.failures = 0
        if was_open:
            self.tokens = max(self.tokens, HALF)
            self.open_since, self.is_probing = None, False
            self._pause_s = FIRST_PROBE_S
        return was_open

    def failed(self, now: float, *, is_probe: bool) -> bool:
        """True where the error counts against its branch."""
        self.tokens = max(self.tokens - 1.0, 0.0)
        self.failures += 1
        if self.open_since is None:
            if self.tokens >= HALF or self.failures < IN_A_ROW:
                return True
            self.open_since = now
            self._next_probe(now)
        elif is_probe:
            self._next_probe(now)
        return now - (self.open_since or now) > PATIENCE_S

    def may_probe_in_s(self, now: float) -> float | None:
        """Seconds until the next probe may go out; None while one is out."""
        return None if self.is_probing else max(self.probe_from - now, 0.0)

    def _next_probe(self, now: float) -> None:
        self.probe_from = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PROBE_S)
