"""Django's debug pages without keys. It knows nothing of the app."""

from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutKeys(SafeExceptionReporterFilter):
    """Also blots out what goes by a key's or password's name among a frame's variables, and in
    mappings that they hold: Django by itself does so for settings alone."""

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return {name: self.cleanse_setting(name, value) for name, value in variables}.items()
