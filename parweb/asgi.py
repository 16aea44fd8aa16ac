"""What a web server runs: pages over HTTP, the live run viewer over WebSockets."""

import os
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parweb.settings")
pages = get_asgi_application()  # sets Django up, which everything imported below needs

from django.conf import settings  # noqa: E402

from parweb.origins import ExactOrigin, refuse  # noqa: E402
from runs.live.routing import websocket_urlpatterns  # noqa: E402

elsewhere: Any = refuse  # an ASGI application, which URLRouter takes where Django wants a view
sockets = URLRouter([*websocket_urlpatterns, re_path(r"", elsewhere)])

application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": ExactOrigin(AuthMiddlewareStack(sockets), configured=[settings.PARWEB_ORIGIN]),
    }
)
