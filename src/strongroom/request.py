"""One command as it travels from who gives it to where it runs: what both sides of the control socket know.

Imports next to nothing: a command that only asks the process serving a home starts with this alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.errors import Malformed

Json = dict[str, Any]
Progress = Callable[[int, int | None], None]
"""Told of things done and, where known, in all."""

VERIFY: Final = "audit.verify"
EPOCH: Final = "epoch.begin"
TOLERANT: Final = frozenset({VERIFY, EPOCH})
"""The operations for which a home is opened whose log is not what its signer vouched for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it comes over the socket. `as_name` with `credential` stands for `--as`."""

    operation: str
    arguments: Mapping[str, Any] = field(repr=False)
    as_name: str | None = None
    credential: str | None = field(default=None, repr=False)
    now: str | None = None


def instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 text; one without a zone is UTC.

    Raises:
        Malformed: it is none.

    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed("an instant has the form 2026-01-31T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
