"""Sends an app's request to a third party with values in the places of its tokens; the answer comes as tokens [1.3].

A destination that two people agreed on, a grant of the app's, and one selling partner for each request: all three have
to allow each value. The connection stands, verified, before a value is opened; the disclosure is durable before a byte
is sent; what became of it is recorded whatever happened. An answer passes only in a form that is understood, with what
was sent as the tokens it was, and with what is new and personal sealed [2.2, 2.6].
"""

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

import orjson

from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.token import (
    EMAIL_DOMAIN,
    TOKEN_LENGTH,
    find_tokens,
    looks_like_token,
    number_in,
)
from strongroom.errors import Malformed, NotFound, StrongroomError, Throttled, Unavailable
from strongroom.feeds.names import canonical
from strongroom.feeds.parties import Answers, Party
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.leaks.markers import Markers
from strongroom.policy.grants import DenyReason, NotGranted
from strongroom.policy.limits import RETENTION_AFTER_DELIVERY
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.relay import answers, bodies
from strongroom.relay.bodies import Kind
from strongroom.relay.disclosures import Disclosures
from strongroom.relay.echoes import Echoes, Put
from strongroom.relay.line import Failed, Lines, Reply
from strongroom.terms import Action, Caller, Purpose, RecordNumber, Scalar, SellerId
from strongroom.vault import Revealed, Vault

MOST_AT_ONCE: Final = 16
"""Requests under way in all: slow third parties must not hold every thread of the door."""
MOST_AT_ONE: Final = 8
MOST_TOKENS: Final = 200
_MINUTE: Final = 60.0

_HEADER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,4094}[\x21-\x7e])?", re.ASCII)
_MOST_HEADERS: Final = 20
_OWN_HEADERS: Final = re.compile(
    r"host|connection|content-.*|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept-encoding|proxy-.*|"
    r"forwarded|x-forwarded-.*|via"
)
"""What says how a request is carried; whoever may choose it may make two requests of one (RFC 9112, 11.2)."""

_IN_TEXT: Final = re.compile(
    rf"(?<![^\W_])(?:https://{re.escape(EMAIL_DOMAIN)}/)?([A-Za-z0-9]{{{TOKEN_LENGTH}}})(?:@{re.escape(EMAIL_DOMAIN)})?"
    r"(?![^\W_])"
)
"""What may be a token, with all of its rendering."""

_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9_-]+)", re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})
_JSON: Final = "application/json"
_WRITTEN_AS: Final = {
    Kind.JSON: _JSON,
    Kind.XML: "application/xml; charset=utf-8",
    Kind.FORM: "application/x-www-form-urlencoded",
}
"""The content type of an answer: what a third party calls it may say more."""

_WAIT: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_NO_CONTENT: Final = 204
_FIRST_ERROR: Final = 400

Room = Callable[[int | None], AbstractContextManager[Callable[[int], None]]]
"""Holds room for a record in what the caller may read a day; hears its number once it was read."""


@dataclass(slots=True)
class Errand:
    """One request of an app's to a third party. Prints without its body."""

    caller: Caller
    destination: str
    path: str
    purpose: Purpose
    now: datetime
    req: str
    room: Room = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passed on as they are: no token is put back there, and none may stand there."""
    src_ip: str | None = None
    recorded: bool = False
    """The log has how it ended."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """The third party's answer as the app may see it."""

    status: int
    content_type: str | None
    body: bytes = field(repr=False)
    retry_after: str | None = None


class Relay:
    """The relay of one home. Safe between threads."""

    def __init__(
        self,
        vault: Vault,
        targets: Targets,
        disclosures: Disclosures,
        audit: AuditLog,
        lines: Lines,
        clock: Callable[[], datetime],
    ) -> None:
        self._vault = vault
        self._targets = targets
        self._disclosures = disclosures
        self._audit = audit
        self._lines = lines
        self._clock = clock
        self._markers = Markers(vault.canaries, vault.made)
        self._traffic = _Traffic()

    def __repr__(self) -> str:
        return "<relay>"

    def send(self, errand: Errand) -> Relayed:
        """Carry out one request.

        Raises:
            NotFound: there is no such destination, or nobody approved it.
            Denied: no grant, or the destination is not for this. `errand.recorded` tells whether the log has it.
            Malformed: no token, too many, one in a wrong place, or a body that can't be read.
            Throttled: too many requests, to it or in all.
            Failed: the third party gave no answer that passes.

        And as `Vault.reveal`.

        """
        target, party = self._party(errand.destination)
        if errand.purpose not in party.purposes:
            raise NotGranted("the destination is for other purposes", DenyReason.WRONG_PURPOSE)
        filling = _Filling(self._vault, errand, party)
        path = party.target(errand.path)
        headers = _checked(errand)
        with self._traffic.of(target, party, errand.now), self._lines.open(party) as line:
            try:
                self._refuse_changed(errand, target)
                query, body = filling.fill()
                sent = f"{path}?{query}" if query else path
                own = [*filling.own, *re.split(r"[/?]", path), *errand.headers.values()]
                echoes = Echoes(filling.puts, own)
                if party.answers is not Answers.NONE:
                    self._refuse_guesses(errand, echoes)
                self._refuse_canaries(
                    errand, sent.encode(), *map(str.encode, headers.values()), body
                )
                self._disclosures.note(
                    errand.caller,
                    target.id,
                    filling.told,
                    purpose=errand.purpose,
                    now=errand.now,
                    req=errand.req,
                    src_ip=errand.src_ip,
                )
                reply = line.post(sent, headers, body)
            except BaseException:
                self._tell(errand, target, filling, Outcome.FAILURE)
                raise
            self._tell(errand, target, filling, Outcome.SUCCESS)
            # Inside: whoever makes us read long answers takes the room of its own requests.
            answer = self._answer(errand, target, party, filling, echoes, reply)
        errand.recorded = True
        return answer

    def _party(self, name: str) -> tuple[Target, Party]:
        try:
            wanted = canonical(name)
        except Malformed:
            wanted = ""
        for target in self._targets.in_effect(Role.PARTY):
            if target.name == wanted and isinstance(target.destination, Party):
                return target, target.destination
        raise NotFound("there is no destination of this name")

    def _refuse_changed(self, errand: Errand, target: Target) -> None:
        """End a request whose destination has ended, or become another, while the connection was made."""
        errand.now = self._clock()
        if self._party(errand.destination)[0] != target:
            raise NotFound("the destination is no longer what it was")

    def _refuse_canaries(self, errand: Errand, *parts: bytes) -> None:
        """End a request that would carry what only canary records have. Raises: Denied; recorded."""
        if self._markers.find(*parts) is not None:
            self._record_refused(errand, "relay", Reason.CANARY)
            # What a token without a grant gets: nothing tells the app what it has met.
            raise NotGranted("a token in the request may not be used", DenyReason.NO_GRANT)

    def _refuse_guesses(self, errand: Errand, echoes: Echoes) -> None:
        """End a request whose own texts hold a value that it also holds the token of. Raises: Malformed; recorded.

        The third party would repeat both, and the token in the answer would stand where the guess is right.
        """
        if echoes.guessed:
            self._record_refused(errand, "relay", Reason.UNUSUAL)
            raise Malformed("the request's own texts can't go together with its tokens")

    def _record_refused(self, errand: Errand, op: str, reason: Reason) -> None:
        event = Event(
            EventType.EGRESS_REFUSED,
            Outcome.DENIED,
            errand.caller,
            reason=reason,
            op=op,
            req=errand.req,
            src_ip=errand.src_ip,
        )
        self._audit.record(event, now=self._clock())
        errand.recorded = True

    def _tell(self, errand: Errand, target: Target, filling: "_Filling", outcome: Outcome) -> None:
        """Record what became of the records that were opened [2.6]; what is missing here shows as unreconciled."""
        if not filling.records:
            return
        event = Event(
            EventType.EGRESS_DELIVERED,
            outcome,
            errand.caller,
            op=f"relay.{target.name}",
            n=len(filling.records),
            seller=filling.seller,
            req=errand.req,
            src_ip=errand.src_ip,
        )
        with suppress(StrongroomError):
            self._audit.record(event, now=self._clock())

    # -- answers ---------------------------------------------------------------------------------

    def _answer(
        self,
        errand: Errand,
        target: Target,
        party: Party,
        filling: "_Filling",
        echoes: Echoes,
        reply: Reply,
    ) -> Relayed:
        content_type = reply.headers.get("content-type", "")
        wait = reply.headers.get("retry-after", "")
        plain_wait = wait if _WAIT.fullmatch(wait) else None
        whole = partial(Relayed, reply.status, retry_after=plain_wait)
        if party.answers is Answers.NONE or not reply.body or reply.status == _NO_CONTENT:
            return whole(None, b"")
        essence, kind = bodies.essence_of(content_type), bodies.kind_of(content_type)
        try:
            if kind is not None:
                body = self._cleaned(
                    errand, target, party, filling, echoes, kind, _utf8(content_type, reply)
                )
                return whole(_WRITTEN_AS[kind], body)
        except Malformed:
            raise Failed(Reason.MALFORMED_UPSTREAM) from None
        plain = essence.endswith("zpl")
        if answers.is_label(essence, reply.body) and not (plain and answers.writes_labels(echoes)):
            text = base64.b64encode(reply.body).decode()
            (token,) = self._sealed(errand, filling, [answers.Fresh(text, document=True)])
            shown = {"document": token, "content_type": essence, "bytes": len(reply.body)}
            return whole(_JSON, orjson.dumps(shown))
        if reply.status >= _FIRST_ERROR:
            return whole(None, b"")  # a page that says so in words, for people
        raise Failed(Reason.MALFORMED_UPSTREAM)

    def _cleaned(
        self,
        errand: Errand,
        target: Target,
        party: Party,
        filling: "_Filling",
        echoes: Echoes,
        kind: Kind,
        body: bytes,
    ) -> bytes:
        fresh = answers.survey(kind, body, echoes, party.answers)
        tokens = self._sealed(errand, filling, fresh) if fresh else []
        cleaned = answers.written(kind, body, echoes, party.answers, tokens)
        if self._markers.find(cleaned) is not None:
            # Somebody gave it to them.
            self._record_refused(errand, f"relay.{target.name}", Reason.CANARY)
            raise Failed(Reason.MALFORMED_UPSTREAM)
        return cleaned

    def _sealed(
        self, errand: Errand, filling: "_Filling", fresh: Sequence[answers.Fresh]
    ) -> list[str]:
        """Return the tokens of what is new, sealed in a record of its own, which ends when the request's data does."""
        keys = [
            f"relayed:{place}.{'label' if new.document else 'text'}"
            for place, new in enumerate(fresh)
        ]
        slots: dict[SlotKey, Scalar] = dict(zip(keys, (new.text for new in fresh), strict=True))
        seen = Sighting("relayed", errand.req, slots, _facts(filling.due_at, self._clock()))
        (placed,) = self._vault.put(
            filling.of_seller(),
            [seen],
            caller=errand.caller,
            op="relay",
            now=self._clock(),
            req=errand.req,
            src_ip=errand.src_ip,
        )
        return [placed.token(key) for key in keys]


class _Filling:
    """Puts values in the places of one request's tokens, and remembers which."""

    def __init__(self, vault: Vault, errand: Errand, party: Party) -> None:
        self._vault = vault
        self._errand = errand
        self._party = party
        self._by_token: dict[str, Revealed] = {}
        self.own: list[str] = []
        """What the app wrote itself, around its tokens."""
        self.records: set[RecordNumber] = set()
        self.seller: SellerId | None = None
        self.due_at: int | None = None

    @property
    def told(self) -> list[Revealed]:
        """What the request tells, each value once."""
        return list({one.token: one for one in self._by_token.values()}.values())

    @property
    def puts(self) -> list[Put]:
        """What an answer may echo."""
        return [Put(str(one.value.unwrap()), one.token, one.category) for one in self.told]

    def fill(self) -> tuple[str, bytes]:
        """Return query and body with values in them. Raises: Malformed, and as `Vault.reveal`."""
        query = bodies.form(self._errand.query, self._plain) if self._errand.query else ""
        body = self._body()
        if not self._by_token:
            hint = "what carries no personal data goes there without us"
            raise Malformed("the request holds no token", hint=hint)
        return query, body

    def of_seller(self) -> SellerId:
        """Return whose buyers the request is about. Raises: Malformed, where nothing was put in."""
        if self.seller is None:
            raise Malformed("the request holds no token")
        return self.seller

    def _body(self) -> bytes:
        errand = self._errand
        if not errand.body:
            return b""
        kind = bodies.kind_of(errand.content_type)
        found = _CHARSET.search(errand.content_type)
        if kind is None or (found is not None and found[1].lower() not in ("utf-8", "utf8")):
            raise Malformed("the relay takes JSON, XML and forms, in UTF-8")
        return bodies.rewrite(kind, errand.body, self._text)

    def _text(self, text: str, name: str) -> Scalar:
        if not holds_token(text):
            self.own.append(text)
            return text
        if not name:
            raise Malformed("a token stands where no value can be")
        if looks_like_token(text):
            return self._value(text)
        values = {token: str(self._value(token)) for token in find_tokens(text)}
        self.own += _IN_TEXT.split(text)[::2]
        # At once: what a value says is never looked at.
        return _IN_TEXT.sub(lambda found: values.get(found[1], found[0]), text)

    def _plain(self, text: str, _name: str) -> str:
        if holds_token(text):
            raise Malformed("a token stands in the query: whoever carries a URL writes it down")
        self.own.append(text)
        return text

    def _value(self, token: str) -> Scalar:
        found = self._by_token.get(token)
        if found is None:
            if len(self._by_token) >= MOST_TOKENS:
                raise Malformed(f"a request holds {MOST_TOKENS} tokens at most")
            found = self._by_token[token] = self._reveal(token)
        return found.value.unwrap()

    def _reveal(self, token: str) -> Revealed:
        errand = self._errand
        try:
            with errand.room(number_in(token)) as count:
                found = self._vault.reveal(
                    errand.caller,
                    token,
                    purpose=errand.purpose,
                    now=errand.now,
                    action=Action.RELAY,
                    # One selling partner's buyers a request: what comes back is sealed for it.
                    seller=self.seller,
                    refuses=self._party.refuses,
                    req=errand.req,
                )
                count(found.record)
        except (Malformed, Throttled, Unavailable):
            raise
        except StrongroomError:
            errand.recorded = True  # by the vault
            raise
        self.seller = found.seller
        self.records.add(found.record)
        if found.due_at is not None:
            self.due_at = min(found.due_at, self.due_at or found.due_at)
        return found


class _Traffic:
    """How much is under way, and how much came lately. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[int, int] = {}
        self._left: dict[int, tuple[float, datetime]] = {}

    @contextmanager
    def of(self, target: Target, party: Party, now: datetime) -> Iterator[None]:
        """Hold a place for one request. Raises: Throttled."""
        with self._lock:
            of_it = self._under_way.get(target.id, 0)
            if of_it >= MOST_AT_ONE or sum(self._under_way.values()) >= MOST_AT_ONCE:
                raise Throttled("too many requests are under way", retry_after=1)
            left, at = self._left.get(target.id, (float(party.per_minute), now))
            passed = max((now - at).total_seconds(), 0.0)
            left = min(left + passed * party.per_minute / _MINUTE, float(party.per_minute))
            if left < 1:
                wait = (1 - left) * _MINUTE / party.per_minute
                raise Throttled("the destination takes no more this minute", retry_after=wait)
            self._left[target.id] = left - 1, now
            self._under_way[target.id] = of_it + 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[target.id] -= 1


def holds_token(text: str) -> bool:
    """Tell whether a token stands somewhere in a text, whatever its MAC."""
    return looks_like_token(text) or bool(find_tokens(text))


def _checked(errand: Errand) -> dict[str, str]:
    """Return the headers to send. Raises: Malformed."""
    if len(errand.headers) > _MOST_HEADERS:
        raise Malformed(f"at most {_MOST_HEADERS} headers are passed on")
    for name, value in errand.headers.items():
        if not _HEADER_NAME.fullmatch(name) or _OWN_HEADERS.fullmatch(name):
            raise Malformed("a header to pass on has a name that is not for the app")
        if not _HEADER_VALUE.fullmatch(value) or holds_token(value):
            raise Malformed("a header to pass on has characters that it can't, or a token")
    if holds_token(errand.path):
        raise Malformed("a token stands where no value can be")
    kept = {"accept": "application/json, application/xml, application/pdf;q=0.9, */*;q=0.1"}
    if errand.body:
        kept["content-type"] = bodies.essence_of(errand.content_type)
    return {**kept, **errand.headers}


def _utf8(content_type: str, reply: Reply) -> bytes:
    """Return a body in UTF-8. Raises: Malformed."""
    found = _CHARSET.search(content_type)
    charset = "utf-8" if found is None else found[1].lower()
    if charset not in _CHARSETS:
        raise Malformed("the answer has another character set")
    try:
        return reply.body.decode(charset).encode()
    except UnicodeDecodeError:
        raise Malformed("the answer is not in its character set") from None


def _facts(due_at: int | None, now: datetime) -> SightedFacts:
    """Return the facts by which an answer's record ends no later than the data that it answers to [2.1]."""
    seconds = int(now.timestamp())
    if due_at is not None:
        seconds = min(seconds, due_at - int(RETENTION_AFTER_DELIVERY.total_seconds()))
    return SightedFacts(Progress.SHIPPED, purchased_at=seconds, shipped_at=seconds)
