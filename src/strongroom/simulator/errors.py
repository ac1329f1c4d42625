"""Amazon's error answers as values that handlers raise and the server writes out."""

from __future__ import annotations

from strongroom.simulator.shapes import Json

DENIED = "Access to requested resource is denied."


class SpApiError(Exception):
    """An error of SP-API: HTTP status, code, message and details, as Amazon sends them."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        """Remember what to answer."""
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> Json:
        """Return the error list Amazon sends."""
        return {"errors": [{"code": self.code, "message": self.message, "details": self.details}]}


class LwaError(Exception):
    """An error of the token endpoint, in OAuth's form."""

    def __init__(self, status: int, error: str, description: str) -> None:
        """Remember what to answer."""
        super().__init__(f"{status} {error}")
        self.status = status
        self.error = error
        self.description = description

    def body(self) -> Json:
        """Return what Login with Amazon sends."""
        return {"error": self.error, "error_description": self.description}


def invalid_input(message: str, details: str = "") -> SpApiError:
    """Return the 400 for a bad parameter."""
    return SpApiError(400, "InvalidInput", message, details)


def unauthorized(details: str = "") -> SpApiError:
    """Return the 403 Amazon gives for every bad, missing or insufficient token."""
    return SpApiError(403, "Unauthorized", DENIED, details)


def not_found(message: str) -> SpApiError:
    """Return the 404 for an unknown order."""
    return SpApiError(404, "NotFound", message)


def quota_exceeded() -> SpApiError:
    """Return the 429 of an empty bucket."""
    return SpApiError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
