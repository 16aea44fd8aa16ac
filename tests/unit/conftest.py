"""Property tests find the same examples every time, and no busy machine fails them."""

from hypothesis import settings

settings.register_profile("parweb", deadline=None, derandomize=True, database=None)
settings.load_profile("parweb")
