"""The door for apps that need a value itself: tokens in, values out, purpose and reason in hand [1.3, 1.5, 2.6]."""

from strongroom.api.door import Api, ApiLimits, create_api

__all__ = ["Api", "ApiLimits", "create_api"]
