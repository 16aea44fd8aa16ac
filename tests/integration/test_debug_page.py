"""Django's debug page tells what went wrong, and no key."""

from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response

from runs.execution.load import client_mapping
from runs.models import Connection

CANARY = "-".join(("sk", "canary", "5f2c91d07be84a"))  # not whole in the source that is shown


def failing(key: str) -> None:
    mapping = client_mapping(Connection(kind="openai_compatible", api_key=key))
    values = {"api_key": key, "name": "Mine", "rows": [mapping]}
    raise RuntimeError(f"{len(values)} broke")


@pytest.mark.parametrize("is_debug", [True, False])
def test_no_key_is_on_it(is_debug: bool, rf: RequestFactory, settings: Any) -> None:
    settings.DEBUG = is_debug
    with pytest.raises(RuntimeError) as caught:
        failing(CANARY)
    page = technical_500_response(
        rf.get("/"), caught.type, caught.value, caught.tb.tb_next
    ).content.decode()
    assert "3 broke" in page
    assert "Mine" in page or not is_debug
    assert CANARY not in page
