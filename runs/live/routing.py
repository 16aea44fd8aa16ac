"""Addresses of WebSockets. Origin and session are checked by the server's wiring in front."""

from django.urls import path

from runs.live.consumers import RunConsumer

websocket_urlpatterns = [path("ws/runs/<int:run_id>/", RunConsumer.as_asgi())]
