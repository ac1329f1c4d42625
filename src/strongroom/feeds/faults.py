"""Why something could not be delivered: one word for lists, one for the log."""

from enum import StrEnum
from typing import Final

from strongroom.audit import Reason
from strongroom.errors import Denied, StrongroomError
from strongroom.outbound import Fault, Unreachable


class Trouble(StrEnum):
    """As it is listed."""

    TLS = "tls"
    TIMEOUT = "timeout"
    FAILED = "failed"
    TOO_LARGE = "too_large"
    REFUSED = "refused"
    """The other side is there and says no."""
    FILE = "file"
    """The file cannot be written."""
    REMOVED = "removed"
    """The channel ended before it could go."""


_OF_FAULT: Final = {
    Fault.TLS: Trouble.TLS,
    Fault.TIMEOUT: Trouble.TIMEOUT,
    Fault.FAILED: Trouble.FAILED,
    Fault.TOO_LARGE: Trouble.TOO_LARGE,
}
_REASONS: Final = {
    Trouble.TLS: Reason.UPSTREAM_TLS,
    Trouble.TIMEOUT: Reason.UPSTREAM_TIMEOUT,
    Trouble.REFUSED: Reason.UPSTREAM_ERROR,
    Trouble.TOO_LARGE: Reason.UPSTREAM_ERROR,
    Trouble.FILE: Reason.UNAVAILABLE,
    Trouble.REMOVED: Reason.REVOKED,
}


def trouble_of(error: StrongroomError) -> Trouble:
    """Return what an error of a delivery was."""
    match error:
        case Unreachable():
            return _OF_FAULT[error.fault]
        case Denied():
            return Trouble.REFUSED
    return Trouble.FILE


def reason_of(trouble: Trouble) -> Reason:
    """Return the log's word."""
    return _REASONS.get(trouble, Reason.UNREACHABLE)
