"""How pages say what the rooms call by short names: ways of signing on, states, reasons and dispositions. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from strongroom.accounts.guard import Disposition, LockReason
from strongroom.accounts.visits import FactorKind
from strongroom.compliance.duties import Status
from strongroom.errors import StrongroomError, Throttled, Unauthenticated

_PROOFS: Final = {
    "password": "password",
    "totp": "authenticator app",
    "passkey": "passkey",
    "recovery": "recovery code",
    "oidc": "identity provider",
    "link": "one-time link",
}
FACTORS: Final = {FactorKind.TOTP: "Authenticator app", FactorKind.PASSKEY: "Passkey"}
LOCK_REASONS: Final = {
    LockReason.TOO_MANY_FAILURES: "Too many wrong passwords in a row",
    LockReason.WRONG_FACTOR: "The right password and too many wrong codes",
    LockReason.FACTOR_FATIGUE: "The right password again and again, and never a second factor",
    LockReason.IMPOSSIBLE_CONCURRENCY: "Sessions from more places at once than one person can be",
    LockReason.WRONG_DEVICE: "The person said: this device is not mine",
    LockReason.SPRAYING: "Tries over many names from one address",
}
DISPOSITIONS: Final = {
    Disposition.FORGOTTEN_PASSWORD: "The person had forgotten the password",
    Disposition.OWN_MISTAKE: "The person's own mistake",
    Disposition.GUESSED_PASSWORD: "Somebody else guessed",
    Disposition.STOLEN_CREDENTIALS: "Somebody else had the credentials",
    Disposition.TEST: "A test",
}
"""Those that a person gives; `expired` comes by itself."""

ENDED_BY_ITSELF: Final = "It ended by itself"

LOOKS: Final = {
    Status.PASS: "good",
    Status.DUE_SOON: "heed",
    Status.EXCEPTION: "",
    Status.NOT_APPLICABLE: "",
    Status.STALE: "heed",
    Status.UNKNOWN: "heed",
    Status.FAIL: "bad",
}
"""How the sign of each state of a duty looks."""

SAID_OF: Final = {
    Status.PASS: "kept",
    Status.DUE_SOON: "due soon",
    Status.EXCEPTION: "excepted",
    Status.NOT_APPLICABLE: "not applicable",
    Status.STALE: "stale",
    Status.UNKNOWN: "unknown",
    Status.FAIL: "not kept",
}
"""What a page calls each state of a duty."""


def method(text: str) -> str:
    """Return a session's method in words: `password.totp` is `password and authenticator app`."""
    return " and ".join(_PROOFS.get(part, part) for part in text.split("."))


def disposition(given: Disposition) -> str:
    """Return a disposition in words."""
    return DISPOSITIONS.get(given, ENDED_BY_ITSELF)


WRONG_CODE: Final = (
    "the code does not fit: wait for the next one, and check the clock of your device"
)
WRONG_SIGN_ON: Final = "the user name or the password is not right"
"""For a wrong one, an unknown name, and an account that is locked, has ended or has no second factor."""

WRONG_PASSWORD: Final = "the password is not right"  # noqa: S105 - a sentence
WRONG_RECOVERY: Final = "the recovery code is not right, or was used before"
WRONG_PASSKEY: Final = "the passkey could not be checked: try once more"


def sentence(text: str) -> str:
    """Return an error's message as a page says it: errors begin in lower case and have no full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")


def in_words(exc: StrongroomError, words: str) -> StrongroomError:
    """Return a failed proof in the words of its page, whatever it failed of; any other error as it is."""
    return Unauthenticated(words) if isinstance(exc, Unauthenticated) else exc


def told(exc: StrongroomError) -> list[str]:
    """Return what a form has to say about an error: all its parts, and what to do."""
    _head, colon, parts = exc.message.partition(": ")
    found = parts.split("; ") if colon and "; " in parts else [exc.message]
    # What a command does, a button of the page does.
    if exc.hint and not exc.hint.startswith("strongroom "):
        found.append(exc.hint)
    if isinstance(exc, Throttled) and exc.retry_after is not None:
        minutes = ceil(exc.retry_after / 60)
        found.append(f"try again in {minutes} minute{'' if minutes == 1 else 's'}")
    return found


_CHIPS: Final = {
    "good": "active approved closed confirmed done green healthy held in_effect kept pass passed ready"
    " success trusted valid",
    "heed": "amber due expiring muted old open partial pending proposed taken unknown unused waiting",
    "bad": "critical denied destroyed ended error expired fail failed failure frozen high late lost overdue red refused"
    " rejected revoked suspended",
}
_CHIP_OF: Final = {word: kind for kind, words in _CHIPS.items() for word in words.split()}


def chip(word: str) -> str:
    """Return how the sign of a state looks: good, heed, bad, or nothing for a word that is neither."""
    return _CHIP_OF.get(word.lower().replace(" ", "_"), "")


def span(length: timedelta) -> str:
    """Return a length of time in its two greatest units, such as `2 d 3 h`."""
    minutes = int(abs(length.total_seconds()) // 60)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (rest, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 min"


@dataclass(frozen=True, slots=True)
class Urgency:
    """How a clock looks."""

    kind: str
    text: str
    seconds: int
    """What is left; negative once it is late."""
    used: int | None
    """Percent of its time that are over; None where nobody knows when it began."""


def urgency(due_at: datetime, now: datetime, began_at: datetime | None = None) -> Urgency:
    """Return how a clock looks: to be heeded in its last quarter, or its last day where its beginning is not known."""
    left = due_at - now
    late = left <= timedelta(0)
    used = None
    if began_at is not None and due_at > began_at:
        used = max(0, min(100, int(100 * ((now - began_at) / (due_at - began_at)))))
    near = used >= _LAST_QUARTER if used is not None else left < timedelta(days=1)
    kind = "bad" if late else "heed" if near else "good"
    text = f"late by {span(left)}" if late else f"{span(left)} left"
    if abs(left) < timedelta(minutes=1):
        text = "due now"
    return Urgency(kind, text, int(left.total_seconds()), used)


_LAST_QUARTER: Final = 75
