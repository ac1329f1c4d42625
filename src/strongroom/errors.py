"""The ten kinds of error, one for each reaction a caller can have.

Errors know no HTTP and no exit code: `web.py` and `cli` hold those tables. A message is lower case, names the thing by
its identifier and the reason, and never carries a value: whatever it says may end in a log [2.6].
"""


class StrongroomError(Exception):
    """Base of everything Strongroom raises on purpose.

    `message` is for the person who made the call, `hint` says what to do about it; neither ever repeats input.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Malformed(StrongroomError):
    """The input has the wrong form; the same call fails again."""


class Unauthenticated(StrongroomError):
    """The caller did not prove who it is."""


class Denied(StrongroomError):
    """The caller is known and may not do this [1.3]."""


class NotFound(StrongroomError):
    """The named thing does not exist."""


class Conflict(StrongroomError):
    """The thing is in a state that forbids this now."""


class InUse(Conflict):
    """Another process has the home open; it may be a command that ends soon."""


class Gone(StrongroomError):
    """The thing existed and was destroyed on its day [2.1]."""


class Throttled(StrongroomError):
    """Too many calls; `retry_after` is in seconds where it is known."""

    def __init__(
        self, message: str, *, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Tampered(StrongroomError):
    """Stored bytes are not what was written: stop and raise an alarm [2.6]."""


class Unavailable(StrongroomError):
    """Something needed does not answer now; a later try may work."""


class Misconfigured(StrongroomError):
    """The installation is set up wrongly; the process does not start (exit 78)."""
