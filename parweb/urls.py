"""All addresses: the app's own, at the root."""

urlpatterns: list = []
