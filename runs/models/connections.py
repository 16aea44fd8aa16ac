"""Provider connections: where calls go, with which key, under which limits."""

from collections.abc import Mapping

from django.conf import settings
from django.db import models

from runs.models.secrets import SecretTextField


class Connection(models.Model):
    """`kind` is a dialect's or built-in's name in the provider registry.

    Limits: `in_flight` calls at once; `calls_per_minute` and `tokens_per_minute`, null where none
    is declared. Prices in US dollars per million tokens; null where unknown or from the table.
    `replay`, for that kind only: `recording` (the stored file's key), `shuffle` (a seed or null),
    `pace` (seconds a call, `0.5`, or tokens a second, `80/s`; empty: at once).
    """

    class Kind(models.TextChoices):
        OPENAI = "openai_compatible", "OpenAI-compatible"
        ANTHROPIC = "anthropic", "Anthropic"
        GEMINI = "gemini", "Google Gemini"
        LOCAL = "local", "Local model"
        SIMULATED = "simulated", "Simulated"
        REPLAY = "replay", "Replay of a recording"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=32, choices=Kind)
    base_url = models.URLField(max_length=500, blank=True)
    api_key = SecretTextField(blank=True, default="")
    api_key_env = models.CharField(max_length=120, blank=True)
    model_names = models.JSONField(default=list, blank=True)
    in_flight = models.PositiveIntegerField(default=8)
    calls_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    sends_end_mark = models.BooleanField(default=True)
    price_input = models.FloatField(null=True, blank=True)
    price_output = models.FloatField(null=True, blank=True)
    price_cached = models.FloatField(null=True, blank=True)
    replay = models.JSONField(default=dict, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_result = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="connection_name_once_an_owner")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_remote(self) -> bool:
        return self.kind in REMOTE_KINDS

    @property
    def is_simulated(self) -> bool:
        return self.kind == self.Kind.SIMULATED

    @property
    def is_replayed(self) -> bool:
        return self.kind == self.Kind.REPLAY

    @property
    def is_ok(self) -> bool:
        """Whether the last test succeeded."""
        return self.test_result.startswith("ok: ")

    @property
    def test_message(self) -> str:
        return self.test_result.partition(": ")[2]

    @property
    def is_private(self) -> bool:
        """On this machine: a speed-up is only claimed there when it was measured."""
        return self.kind in {self.Kind.LOCAL, self.Kind.SIMULATED}


REMOTE_KINDS = frozenset(
    {Connection.Kind.OPENAI, Connection.Kind.ANTHROPIC, Connection.Kind.GEMINI}
)
OWN_ADDRESSES: Mapping[str, str] = {
    Connection.Kind.ANTHROPIC: "https://api.anthropic.com",
    Connection.Kind.GEMINI: "https://generativelanguage.googleapis.com/v1beta",
}  # of the dialects that one provider made: where a connection names no address
