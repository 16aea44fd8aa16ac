"""`manage.py checktemplates`: compiles every template, so that a broken one fails here."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template


class Command(BaseCommand):
    help = "Compile all templates and name those that are broken."

    def handle(self, *args: Any, **options: Any) -> None:
        names = sorted(_names(settings.TEMPLATES[0]["DIRS"]))
        broken = [problem for name in names if (problem := _problem(name))]
        if broken:
            raise CommandError("\n".join(broken))
        self.stdout.write(f"{len(names)} templates compile.")


def _names(directories: list[Path]) -> set[str]:
    return {
        str(file.relative_to(directory))
        for directory in directories
        for file in directory.rglob("*.html")
    }


def _problem(name: str) -> str:
    try:
        get_template(name)
    except (TemplateSyntaxError, TemplateDoesNotExist) as error:
        return f"{name}: {error}"
    return ""
