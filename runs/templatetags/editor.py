"""Tags that lay out form controls: a labelled field, a question with cards. Decide nothing."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.forms import BaseForm, CheckboxInput

from runs.forms.controls import CARDS
from runs.presenters.overview import when

register = template.Library()
register.filter("when", when)


@register.inclusion_tag("runs/_field.html")
def field(form: BaseForm, name: str, when: str = "", wide: str = "") -> dict[str, Any]:
    """A field with its label, help and errors. `when`: the choice under which it matters, read by
    the stylesheet. `wide`: `2` or `3` columns."""
    bound = form[name]
    return {
        "field": bound,
        "is_tick": isinstance(bound.field.widget, CheckboxInput),
        "when": when,
        "wide": wide,
    }


@register.inclusion_tag("runs/_cards.html")
def cards(form: BaseForm, name: str, *only: str) -> dict[str, Any]:
    """A question as cards, one radio button each; `only` these, where given."""
    return cards_of(form, name, only)


@register.inclusion_tag("runs/_cards.html")
def cards_of(form: BaseForm, name: str, only: Sequence[str]) -> dict[str, Any]:
    """The same, of the choices in a list; all where it is empty."""
    bound = form[name]
    shown = [card for card in CARDS[name] if not only or card.value in only]
    return {"field": bound, "cards": shown, "chosen": bound.value()}
