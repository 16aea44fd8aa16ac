"""A provider connection's form. The stored key is never shown; an empty field keeps it."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import URLValidator

from runs.forms.fields import DecimalField, LinesField, NameField, TickField, WholeField
from runs.models import OWN_ADDRESSES, REMOTE_KINDS, Connection
from runs.services.connections import KNOWN_ADDRESSES, keep_recording, replay_values

LARGEST = 2**31 - 1
MOST_RECORDED = 50_000_000
SECRET_INSIDE = re.compile(r"//[^/]*@|[?&](key|api[-_]?key|(access_)?token)=", re.IGNORECASE)
PRICES = ("price_input", "price_output", "price_cached")
UNLISTED = "Empty: from the price table, unknown where it has none."
PACE = re.compile(r"\d{1,6}(\.\d{1,6})?(/s)?", re.ASCII)


class ConnectionForm(forms.Form):
    name = NameField(label="Name", required=True, max_length=80)
    kind = forms.ChoiceField(label="Kind", choices=Connection.Kind.choices)
    base_url = NameField(
        label="Address",
        max_length=500,
        help_text="Empty for Anthropic and Google Gemini: their own address.",
    )
    api_key = forms.CharField(
        label="API key",
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    api_key_env = NameField(
        label="Environment variable with the key",
        max_length=120,
        help_text="Read on the server when a run starts, instead of a stored key.",
    )
    model_names = LinesField(
        label="Models, one a line", rows=3, help_text="“Test connection” fills in an empty list."
    )
    in_flight = WholeField(label="In flight at once", least=1, most=1000)
    calls_per_minute = WholeField(
        label="Calls a minute", least=1, help_text="Empty: no limit is known."
    )
    tokens_per_minute = WholeField(
        label="Tokens a minute", least=1, help_text="Read and written. Empty: no limit is known."
    )
    ends_unmarked = TickField(
        label="This server ends its streams without an end mark",
        help_text=(
            "Some proxies before vLLM and llama.cpp do. Then the end of the stream is accepted as "
            "the end of the answer, and an answer cut on its way can pass for a whole one."
        ),
    )
    recording = forms.FileField(label="Recording", required=False, allow_empty_file=True)
    shuffle = WholeField(
        label="Shuffle with the seed", least=0, help_text="Empty: samples in recorded order."
    )
    pace = NameField(
        label="Pace",
        max_length=20,
        help_text="Seconds a call, as in 0.5, or tokens a second, as in 80/s. Empty: at once.",
    )
    price_input = DecimalField(label="Input", help_text=UNLISTED)
    price_output = DecimalField(label="Output", help_text=UNLISTED)
    price_cached = DecimalField(
        label="Cached input",
        help_text="Empty: from the price table, else as other input.",
    )

    def __init__(self, *args: Any, owner: User, stored: Connection | None = None, **kwargs: Any):
        initial = {n: getattr(stored, n) for n in self.base_fields if hasattr(stored, n)}
        initial.pop("api_key", None)
        self._replay: Mapping[str, Any] = stored.replay if stored else {}
        initial |= {name: self._replay.get(name) for name in ("shuffle", "pace")}
        if stored:
            initial["model_names"] = "\n".join(stored.model_names)
            initial["ends_unmarked"] = not stored.sends_end_mark
        prices = {n: DecimalField().show(initial.get(n)) for n in PRICES}
        kwargs["initial"] = {"in_flight": 8, **initial, **prices}
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.has_key = bool(stored and stored.api_key)
        self.fields["api_key"].help_text = (
            "A key is stored. Leave this empty to keep it; it is never shown again."
            if self.has_key
            else "Stored encrypted and never shown again. Sent only to the address above."
        )
        self.fields["recording"].help_text = (
            "One is stored. Choose a file only to replace it."
            if self._replay.get("recording")
            else "JSONL, one question a line: question_id, question, gold, samples."
        )
        self.fields["recording"].widget.attrs["accept"] = ".jsonl,.ndjson,.txt"
        self._fit_address(owner, stored)

    def _fit_address(self, owner: User, stored: Connection | None) -> None:
        if owner.is_staff:
            self.fields["base_url"].widget.attrs |= {
                "list": "addresses",
                "placeholder": "https://api.openai.com/v1",
                "inputmode": "url",
            }
            return
        del self.fields["api_key_env"]
        known = {"": "Choose…", **KNOWN_ADDRESSES}
        if stored and stored.base_url:
            known.setdefault(stored.base_url, stored.base_url)
        self.fields["base_url"].widget = forms.Select(choices=list(known.items()))
        self.fields[
            "base_url"
        ].help_text = (
            "Anthropic and Google Gemini need none. Ask an administrator for another address."
        )

    def clean_base_url(self) -> str:
        address = str(self.cleaned_data["base_url"]).rstrip("/")
        kind = self.cleaned_data.get("kind")
        if kind not in REMOTE_KINDS:
            return ""
        address = address or OWN_ADDRESSES.get(kind, "")
        owners = {own: of for of, own in OWN_ADDRESSES.items()}
        if owners.get(address, kind) != kind:
            label = Connection.Kind(owners[address]).label
            raise forms.ValidationError(f"That is {label}'s address: choose the kind {label}.")
        try:
            URLValidator(schemes=["http", "https"])(address)
        except forms.ValidationError:
            raise forms.ValidationError(
                "Enter the whole address, such as https://api.openai.com/v1."
            ) from None
        if SECRET_INSIDE.search(address):
            raise forms.ValidationError(
                "A key belongs into its own field, where it is encrypted, not into the address."
            )
        return address

    def clean_in_flight(self) -> int:
        number = self.cleaned_data["in_flight"]
        if number is None or not 1 <= number <= 1000:
            raise forms.ValidationError("Between 1 and 1,000 calls at once.")
        return int(number)

    def clean_calls_per_minute(self) -> int | None:
        return self._rate("calls_per_minute", "At least 1 call a minute, or leave it empty.")

    def clean_tokens_per_minute(self) -> int | None:
        return self._rate("tokens_per_minute", "At least 1 token a minute, or leave it empty.")

    def clean_price_input(self) -> float | None:
        return self._price("price_input")

    def clean_price_output(self) -> float | None:
        return self._price("price_output")

    def clean_price_cached(self) -> float | None:
        return self._price("price_cached")

    def clean_shuffle(self) -> int | None:
        seed: int | None = self.cleaned_data["shuffle"]
        if seed is not None and not 0 <= seed <= LARGEST:
            raise forms.ValidationError("A whole number from 0, or empty.")
        return seed

    def clean_pace(self) -> str:
        pace: str = self.cleaned_data["pace"]
        if pace and not PACE.fullmatch(pace):
            raise forms.ValidationError("Seconds as in 0.5, or tokens a second as in 80/s.")
        return pace

    def clean_recording(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["recording"]
        if self.cleaned_data.get("kind") != Connection.Kind.REPLAY:
            return None
        if file is None and not self._replay.get("recording"):
            raise forms.ValidationError("Choose the file of recorded answers.")
        if file is not None and (file.size or 0) > MOST_RECORDED:
            raise forms.ValidationError(f"At most {MOST_RECORDED // 10**6} MB.")
        return file

    def _rate(self, name: str, refusal: str) -> int | None:
        number: int | None = self.cleaned_data[name]
        if number is not None and not 1 <= number <= LARGEST:
            raise forms.ValidationError(refusal)
        return number

    def _price(self, name: str) -> float | None:
        price: float | None = self.cleaned_data[name]
        if price is not None and not 0 <= price <= 1e6:
            raise forms.ValidationError("A price lies between 0 and 1,000,000 dollars.")
        return price

    def values(self) -> dict[str, Any]:
        """The columns to write. Raises `InvalidInput` where the uploaded recording is none."""
        kept = {"api_key_env": "", **self.cleaned_data}
        file, shuffle, pace = (kept.pop(name) for name in ("recording", "shuffle", "pace"))
        is_unmarked = kept.pop("ends_unmarked") and kept["kind"] == Connection.Kind.OPENAI
        kept["sends_end_mark"] = not is_unmarked
        kept["replay"] = {}
        if kept["kind"] == Connection.Kind.REPLAY:
            key = keep_recording(file.chunks()) if file else str(self._replay["recording"])
            kept["replay"] = replay_values(key, shuffle, pace)
        return kept
