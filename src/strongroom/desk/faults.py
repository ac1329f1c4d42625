"""What a refused request is answered: a small page of fixed words, and what the log is told [2.6]."""

from dataclasses import dataclass
from typing import Final

from strongroom.audit.entry import Outcome, Reason
from strongroom.desk.exchange import Answer, Exchange, retry_after
from strongroom.errors import (
    Conflict,
    Denied,
    Gone,
    Malformed,
    NotFound,
    StrongroomError,
    Tampered,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from strongroom.web import status_of


class Refused(Exception):
    """The door refuses a request; `detail` is a method list, an address or a sentence of ours, never what was sent."""

    def __init__(self, status: int, reason: Reason, detail: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as it is shown and recorded."""

    status: int
    reason: Reason
    outcome: Outcome
    title: str
    words: str
    hint: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    link: str | None = None


_TITLES: Final = {
    400: ("This request can't be read", "Go back, load the page anew and try once more."),
    401: ("Sign on first", "This needs a session that is still alive."),
    403: ("This is not allowed", "You can't do this."),
    404: ("There is no such page", "The address may be mistyped, or what it showed has gone."),
    405: ("That can't be done here", "This page answers other methods."),
    408: ("That took too long", "The request did not arrive in time. Try again."),
    409: ("That does not fit any more", "What you saw has changed since. Load the page anew."),
    410: ("This has gone", "It was destroyed on its day."),
    413: ("That was too much", "The form holds more than this page takes."),
    421: ("The desk has another address", "Passkeys and cookies are bound to it. Use this one:"),
    429: ("Too many tries", "Wait a moment before the next one."),
    500: ("Something failed", "The fault is ours. It was recorded without what you sent."),
    503: ("Not available now", "Try again in a moment."),
}
_FOREIGN_FORM: Final = (
    "This form is out of date",
    (
        "It was made for another session, or another site sent it. Nothing was changed. "
        "Load the page anew and fill it in again."
    ),
)
_REASONS: Final[dict[type[StrongroomError], Reason]] = {
    Malformed: Reason.MALFORMED_REQUEST,
    Unauthenticated: Reason.WRONG_CREDENTIAL,
    Denied: Reason.NOT_AUTHORIZED,
    NotFound: Reason.NOT_FOUND,
    Conflict: Reason.CONFLICT,
    Gone: Reason.ERASED,
    Throttled: Reason.RATE_LIMITED,
    Tampered: Reason.TAMPERED,
    Unavailable: Reason.UNAVAILABLE,
}
_FAULTS_OF_OURS: Final = 500


def refusal_for(exc: Refused | StrongroomError) -> Refusal:
    """Return how an error is shown and recorded; its own words only where they are for whoever made the call."""
    if isinstance(exc, Refused):
        return _of_door(exc)
    status = status_of(exc)
    title, words = _TITLES[status]
    reason = next((r for kind, r in _REASONS.items() if isinstance(exc, kind)), Reason.INTERNAL)
    if status >= _FAULTS_OF_OURS:
        return Refusal(status, reason, Outcome.ERROR, title, words)
    return Refusal(status, reason, Outcome.DENIED, title, exc.message, exc.hint, retry_after(exc))


def _of_door(exc: Refused) -> Refusal:
    title, words = _TITLES[exc.status]
    outcome = Outcome.ERROR if exc.status >= _FAULTS_OF_OURS else Outcome.DENIED
    headers: tuple[tuple[bytes, bytes], ...] = ()
    link = None
    if exc.status == 405:  # noqa: PLR2004 - the status itself
        headers = ((b"allow", exc.detail.encode()),)
    elif exc.status == 421:  # noqa: PLR2004 - as above
        link = exc.detail
    elif exc.status == 503:  # noqa: PLR2004 - as above
        words = exc.detail or words
    elif exc.reason is Reason.CROSS_SITE:
        title, words = _FOREIGN_FORM
    elif exc.reason is Reason.NO_GRANT:
        words = "This page is for people with a grant to administer."
    return Refusal(exc.status, exc.reason, outcome, title, words, None, headers, link)


def page(exchange: Exchange, refusal: Refusal) -> Answer:
    """Return the page of a refusal."""
    answer = exchange.page("refused.html", status=refusal.status, refusal=refusal)
    return Answer(answer.status, answer.body, answer.media_type, refusal.headers)


def unrecorded() -> Answer:
    """Return what is answered when not even the refusal can be recorded, or made into a page."""
    return Answer(
        503,
        b"Not available now. Nothing was done. Try again in a moment.\n",
        "text/plain; charset=utf-8",
    )
