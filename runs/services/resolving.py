"""What a configuration names, found among its owner's stored things: templates, connections,
prices, data sets. Every name that is not found is told beside its field."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.contrib.auth.models import User

from runs.domain.errors import InvalidInput
from runs.domain.plan import Item
from runs.domain.usage import Price
from runs.execution import recordings
from runs.metrics import pricing
from runs.models import OWN_ADDRESSES, Connection, Dataset, TemplateVersion
from runs.planning.callers import Caller, callers
from runs.planning.configuration import Configuration
from runs.planning.inputs import Document, Material, material_of
from runs.planning.shape import Input, Prompt, Provider
from runs.services.connections import replay_values, save_connection

PriceKey = tuple[str, str]  # (connection, model)
PLACE = ("kind", "base_url", "api_key_env", "replay")  # where a connection leads
LIMITS = ("in_flight", "calls_per_minute", "tokens_per_minute")
PRICES = ("price_input", "price_output", "price_cached")
STORED = (*PLACE, *LIMITS, *PRICES, "name", "api_key", "model_names", "sends_end_mark")


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections of a configuration by name, and what their models cost (None: unknown)."""

    rows: Mapping[str, Connection]
    prices: Mapping[PriceKey, Price | None]

    @property
    def is_simulated(self) -> bool:
        return any(row.is_simulated for row in self.rows.values())

    @property
    def is_replayed(self) -> bool:
        return any(row.is_replayed for row in self.rows.values())

    def limits(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                **{limit: getattr(row, limit) for limit in LIMITS},
                "is_shared": row.kind == Connection.Kind.LOCAL,
                "is_seedless": row.kind == Connection.Kind.ANTHROPIC,
                "models": row.model_names,
            }
            for name, row in self.rows.items()
        }

    def frozen(self) -> dict[str, dict[str, Any]]:
        """What a run keeps of its connections: never a key."""
        return {
            name: {
                "id": row.pk,
                "name": name,
                "kind": row.kind,
                "base_url": row.base_url,
                "replay": row.replay,
                "sends_end_mark": row.sends_end_mark,
                **{limit: getattr(row, limit) for limit in LIMITS},
                "prices": {
                    model: price and asdict(price)
                    for (owner_name, model), price in self.prices.items()
                    if owner_name == name
                },
            }
            for name, row in self.rows.items()
        }


def with_texts(
    owner: User, configuration: Configuration
) -> tuple[Configuration, list[InvalidInput]]:
    """The configuration with its templates' texts in place; a text already there stays."""
    prompts, errors = [], []
    for number, prompt in enumerate(configuration.prompts):
        try:
            prompts.append(_with_text(owner, prompt, f"prompts.{number}"))
        except InvalidInput as error:
            errors.append(error)
            prompts.append(prompt)
    return configuration.model_copy(update={"prompts": tuple(prompts)}), errors


def _with_text(owner: User, prompt: Prompt, field: str) -> Prompt:
    if not prompt.template or prompt.text:
        return prompt
    versions = TemplateVersion.objects.filter(template__owner=owner, template__name=prompt.template)
    if prompt.version is not None:
        versions = versions.filter(number=prompt.version)
    found = versions.order_by("-number").first()
    if found is None:
        which = f" with a version {prompt.version}" if prompt.version is not None else ""
        raise InvalidInput(
            f"You have no template named “{prompt.template}”{which}.", f"{field}.template"
        )
    return prompt.model_copy(
        update={
            "text": found.text,
            "system": found.system or prompt.system,
            "version": found.number,
            "name": prompt.name or prompt.template,
        }
    )


def connections(
    owner: User, configuration: Configuration, uses: Iterable[Caller] | None = None
) -> tuple[Connections, list[InvalidInput]]:
    """The connections that the configuration uses, or only those of `uses`. Its own provider is
    only checked: see `store_provider`."""
    stored = {row.name: row for row in Connection.objects.filter(owner=owner)}
    errors: list[InvalidInput] = []
    if configuration.provider is not None and uses is None:
        try:
            brought = _brought(owner, configuration, configuration.provider)
            stored[brought.name] = _stored_or(brought, stored)
        except InvalidInput as error:
            errors.append(error)
    rows, prices = {}, {}
    for use in callers(configuration) if uses is None else uses:
        row_found = stored.get(use.connection)
        if row_found is None:
            errors.append(_no_connection(use, stored))
            continue
        rows[use.connection] = row_found
        prices[use.connection, use.model] = price_of(row_found, use.model)
    return Connections(rows, prices), errors


def _no_connection(use: Caller, stored: Mapping[str, Connection]) -> InvalidInput:
    known = ", ".join(f"“{name}”" for name in stored) or "none yet: add one under Providers"
    return InvalidInput(
        f"You have no connection named “{use.connection}”. Yours: {known}.",
        f"{use.field}.connection",
    )


def price_of(row: Connection, model: str) -> Price | None:
    hint = row.base_url if row.is_remote else row.kind
    return pricing.price(hint, model, row.price_input, row.price_output, row.price_cached)


def _brought(owner: User, configuration: Configuration, provider: Provider) -> Connection:
    """The connection a file brings along, not saved."""
    models = {use.model for use in callers(configuration) if use.connection == provider.name}
    return Connection(
        owner=owner,
        name=provider.name,
        kind=provider.kind,
        base_url=provider.base_url or OWN_ADDRESSES.get(provider.kind, ""),
        api_key_env=provider.api_key_env,
        in_flight=provider.in_flight,
        calls_per_minute=provider.calls_per_minute,
        tokens_per_minute=provider.tokens_per_minute,
        sends_end_mark=provider.sends_end_mark,
        price_input=provider.price_input,
        price_output=provider.price_output,
        price_cached=provider.price_cached,
        model_names=sorted(models),
        replay=_replay(provider),
    )


def _replay(provider: Provider) -> dict[str, Any]:
    """Raises `InvalidInput` where the recording is not stored: only a command reads a path."""
    if provider.kind != Connection.Kind.REPLAY:
        return {}
    if not recordings.exists(provider.recording):
        raise InvalidInput(
            "A recording named here is read by `manage.py launch`; in the browser, upload it under "
            "Providers.",
            "provider.recording",
        )
    return replay_values(provider.recording, provider.shuffle, provider.pace)


def _stored_or(brought: Connection, stored: Mapping[str, Connection]) -> Connection:
    """The stored connection of that name, if it leads to the same place; else the one brought."""
    found = stored.get(brought.name)
    if found is None:
        return brought
    if any(getattr(found, part) != getattr(brought, part) for part in PLACE):
        raise InvalidInput(
            f"You already have a connection “{brought.name}” with another kind, address or key. "
            "Choose another name here, or leave the provider out to use that one.",
            "provider.name",
        )
    for name in PRICES:
        if getattr(brought, name) not in {None, getattr(found, name)}:
            raise InvalidInput(
                f"Your connection “{brought.name}” has another price. Change it under Providers, "
                "or leave the prices out here.",
                f"provider.{name}",
            )
    return found


def store_provider(owner: User, configuration: Configuration) -> None:
    """Keep the connection a file brings along. Raises `InvalidInput` beside the provider's field
    where its address is not this user's to choose."""
    provider = configuration.provider
    if provider is None or Connection.objects.filter(owner=owner, name=provider.name).exists():
        return
    brought = _brought(owner, configuration, provider)
    values = {name: getattr(brought, name) for name in STORED}
    try:
        save_connection(owner=owner, connection=None, values=values)
    except InvalidInput as error:
        raise InvalidInput(error.message, f"provider.{error.field}") from error


@dataclass(frozen=True, slots=True)
class Source:
    """Input as given or stored: `gold` are a data set's right answers, in item order."""

    material: Material
    gold: tuple[str | None, ...] = ()

    def with_gold(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """Right answers belong to whole documents and rows, not to their pieces."""
        if len(self.gold) != len(items):
            return items
        return tuple(replace(item, gold=gold) for item, gold in zip(items, self.gold, strict=True))


def source(owner: User, given: Input | None) -> Source:
    """The input that a configuration carries or names.

    Raises `InvalidInput`: a data set that is not the owner's; files, which only a command reads.
    """
    if given is not None and given.files:
        raise InvalidInput(
            "Files named here are read by `manage.py launch`; in the browser, upload them.",
            "input.files",
        )
    if given is not None and given.dataset:
        found = _dataset(owner, given.dataset)
        return replace(found, gold=()) if given.gold else found
    return Source(material_of(given))


def _dataset(owner: User, name: str) -> Source:
    found = Dataset.objects.filter(owner=owner, name=name).first()
    if found is None:
        raise InvalidInput(f"You have no data set named “{name}”.", "input.dataset")
    rows = list(found.items.values_list("label", "fields", "gold"))
    gold = tuple(row[2] for row in rows)
    if found.kind == Dataset.Kind.DOCUMENTS:
        documents = tuple(Document(label, fields["document.text"]) for label, fields, _ in rows)
        return Source(Material(documents=documents), gold)
    records = tuple(
        {key.removeprefix("row."): value for key, value in fields.items() if key.startswith("row.")}
        for _, fields, _ in rows
    )
    return Source(Material(rows=records), gold)
