"""Filters and tags that show figures, states and icons. Decide nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from runs.presenters import figures
from runs.presenters.nested import Square
from runs.queries.runs import live_runs as count_live_runs

register = template.Library()

register.filter("duration", figures.duration)
register.filter("seconds", figures.seconds)
register.filter("money", figures.money)
register.filter("percent", figures.percent)
register.filter("times", figures.times)
register.filter("thousands", figures.thousands)


@register.filter
def tenth(share: float | None) -> str:
    """A share as a percentage with one place."""
    return figures.percent(share, 1)


@register.filter
def waited(branch: Mapping[str, Any]) -> float | None:
    """Milliseconds from being ready to the last request."""
    return _between(branch["ready"], branch["sent"])


@register.filter
def first_token(branch: Mapping[str, Any]) -> float | None:
    """Milliseconds from the last request to its first token."""
    return _between(branch["sent"], branch["first"])


@register.filter
def took(branch: Mapping[str, Any]) -> float | None:
    """Milliseconds from the last request to the branch's end."""
    return _between(branch["sent"], branch["ended"])


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(end - start, 0)


@register.simple_tag
def icon(name: str, label: str = "", kind: str = "") -> SafeString:
    """An icon of the sprite; without a label it is decoration."""
    role = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else format_html('aria-hidden="{}"', "true")
    )
    return format_html('<svg class="ic {}" {}><use href="#{}"/></svg>', kind, role, name)


@register.simple_tag
def squares(found: Sequence[Square]) -> SafeString:
    """Thousands of small squares, faster than a template's loop writes them."""
    return format_html_join(
        "", '<i class="{}" title="{}"></i>', ((one.kind, one.title) for one in found)
    )


@register.simple_tag(takes_context=True)
def live_runs(context: template.Context) -> int:
    """Number of the person's runs that have not ended."""
    user = context.get("user")
    return count_live_runs(user) if user and user.is_authenticated else 0
