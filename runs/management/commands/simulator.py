"""`manage.py simulator`: the simulated provider as its own server."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs.providers.simulator import DESCRIPTION, add_arguments, epilog, run


class Command(BaseCommand):
    help = DESCRIPTION
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=epilog(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(options)
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
