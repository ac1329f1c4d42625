"""Checks what an app sends toward Amazon, and puts tokens back where the catalogue says personal data belongs.

A token anywhere else is refused: the app made a mistake, and Amazon would store a reference of ours as somebody's name.
Nothing of a request that is refused here reaches Amazon. Names of parameters are repeated to the client only where
they are plain words; values never.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

import orjson

from strongroom.audit.entry import Reason
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.crypto.token import find_tokens, looks_like_token
from strongroom.errors import StrongroomError, Tampered, Unauthenticated, Unavailable
from strongroom.gateway.answers import UNUSABLE_TOKEN, Refusal, bad_request, denied
from strongroom.gateway.extraction import Call
from strongroom.gateway.lwa import Pass
from strongroom.policy.catalogue import Branch, Class, Leaf, Operation, Type
from strongroom.policy.catalogue.paths import written
from strongroom.terms import Action, Environment, Purpose, RecordNumber, Scalar
from strongroom.vault import Vault

CURSOR_LIFETIME: Final = timedelta(hours=24)
"""As Amazon's own page tokens."""

_MAX_QUERY_CHARACTERS: Final = 16 * 1024
_MAX_FIELDS: Final = 200
_MAX_DEPTH: Final = 64
_HEADER: Final = re.compile(r"[!-~]([ -~]{0,2046}[!-~])?")
_SAFE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")

_ANY: Final = Leaf(Class.BUSINESS)
"""What is said of a parameter about which nothing is known: it may hold no token."""

_DATED_VIEW: Final = "/orders/v0/orders"
"""Amazon's plainest view of one order with its dates."""

_DATASETS: Final = "includedData"
_DATED_SETS: Final = "FULFILLMENT,PACKAGES"
"""Orders 2026-01-01: the datasets of a view that hold status and ship time."""

# python-amazon-sp-api puts the first four on every call, whether or not the operation knows them, and leaves the last
# two in the query of a call that it fetched a Restricted Data Token for.
_HABITUAL: Final = frozenset(
    {
        "MarketplaceId",
        "MarketplaceIds",
        "marketplaceIds",
        "marketplace_ids",
        "RestrictedResources",
        "path",
    }
)


@dataclass(frozen=True, slots=True)
class Asking:
    """One call on its way out: who asks, for what operation, why and when."""

    bearer: Pass
    operation: Operation
    purpose: Purpose
    now: datetime
    request_id: str
    src_ip: str | None = None
    """The client's address as the log's pseudonym."""
    base: str = ""
    """Where the app reached us: scheme, host and port; empty where it did not say."""
    opened: set[RecordNumber] = field(default_factory=set)
    """The records whose values were put back, and go to Amazon."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What Amazon gets of a request; tokens are put back in it."""

    path: str = field(repr=False)
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The path parameters, decoded."""

    def parts(self) -> tuple[bytes, ...]:
        """Return all that came from the app."""
        said = self.path, self.query, *self.values.values(), *self.headers.values()
        return *(part.encode() for part in said), self.body or b""

    def call(self, asking: Asking) -> Call:
        """Return what of the request may identify the subjects of its answer."""
        operation = asking.operation
        asked = f"{operation.id} {self.path}" if operation.read_only else ""
        if not any(subject.asked for subject in operation.subjects):
            return Call(asking.request_id, asked=asked)
        query = dict(parse_qsl(self.query))
        document = None if self.body is None else orjson.loads(self.body)
        return Call(asking.request_id, self.values, query, document, asked)


class Outgoing:
    """Turns an app's request into the one Amazon gets."""

    def __init__(self, vault: Vault, key: bytes, environment: Environment) -> None:
        self._vault = vault
        self._cursors = TicketBox(key, TicketKind.CURSOR, environment)

    def query(self, asking: Asking, raw: bytes) -> str:
        """Return the query for Amazon, written anew from what was understood of the app's.

        Raises:
            Refusal: a parameter the operation does not have, a token in the wrong place, a cursor that is not ours, or
                a token this app may not use.

        """
        if not raw:
            return ""
        known = asking.operation.parameters
        pairs = []
        for name, value in _parse_query(raw):
            rule = _ANY if asking.operation.unclassified else known.get(name)
            if rule is None:
                if name in _HABITUAL and not _holds_token(value):
                    continue
                shown = f": {name}" if _SAFE_NAME.fullmatch(name) else ""
                raise bad_request(f"The operation has no such parameter{shown}.")
            pairs.append((name, self._parameter(asking, rule, value)))
        return urlencode(pairs, quote_via=quote, safe=",:") if pairs else ""

    def sent(
        self,
        asking: Asking,
        given: Mapping[str, str],
        query: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Sent:
        """Return what Amazon gets of an app's request; `given` are its path parameters.

        Raises:
            Refusal: as the parts below.

        """
        values = self.values(asking, given)
        path = written(asking.operation.template, values)
        document = self.body(asking, body)
        passed = self.headers(asking, headers)
        if document is not None:
            passed["content-type"] = "application/json"
        return Sent(path, self.query(asking, query), passed, document, values)

    def values(self, asking: Asking, given: Mapping[str, str]) -> dict[str, str]:
        """Return the values of path parameters as Amazon gets them.

        Raises:
            Refusal: a token in the wrong place or that this app may not use, or one whose value a path can't hold.

        """
        operation = asking.operation
        values = {}
        for name, value in given.items():
            values[name] = self._parameter(asking, operation.path_parameters[name], value)
            if not operation.fits(name, values[name]):
                raise bad_request("The value of a token is not one that this path can hold.")
        return values

    def headers(self, asking: Asking, given: Mapping[bytes, bytes]) -> dict[str, str]:
        """Return the headers that pass to Amazon: those the operation has, no other. Raises: Refusal."""
        passed = {}
        for name, rule in asking.operation.headers.items():
            raw = given.get(name.encode())
            if raw is None:
                continue
            value = self._parameter(asking, rule, raw.decode("latin-1"))
            if not _HEADER.fullmatch(value):
                raise bad_request(f"The header {name} has not the form that passes.")
            passed[name] = value
        return passed

    def body(self, asking: Asking, raw: bytes) -> bytes | None:
        """Return the body for Amazon; None where the operation takes none. Raises: Refusal."""
        rule = asking.operation.body
        if rule is None or not raw:
            return None
        try:
            document: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise bad_request("The request body is not valid JSON.") from None
        kind = list if rule.wraps.startswith("[") else dict
        if not isinstance(document, kind) and not asking.operation.unclassified:
            form = "list" if kind is list else "object"
            raise bad_request(f"The request body is not a JSON {form}.")
        return orjson.dumps(self._value(asking, rule, rule.wraps, document, 0))

    def wrap_cursor(self, asking: Asking, cursor: str) -> str:
        """Return our own ticket in place of Amazon's place in a list."""
        return self._cursors.seal(
            {**_binding(asking), "c": cursor}, expires_at=asking.now + CURSOR_LIFETIME
        )

    def _open_cursor(self, asking: Asking, ticket: str) -> str:
        try:
            payload = self._cursors.open(ticket, asking.now)
        except Unauthenticated:
            raise bad_request("The page token is not valid.", Reason.WRONG_CREDENTIAL) from None
        cursor = payload.pop("c")
        if payload != _binding(asking):
            raise bad_request("The page token was made for another call.", Reason.WRONG_CREDENTIAL)
        return str(cursor)

    def _parameter(self, asking: Asking, rule: Leaf, value: str) -> str:
        if rule.class_ is Class.CURSOR:
            return self._open_cursor(asking, value) if value else value
        if not _holds_token(value):
            return value
        return str(self._put_back(asking, rule, value))

    def _put_back(self, asking: Asking, rule: Leaf, value: str) -> Scalar:
        """Return what a token stands for: the one way by which personal data goes out again, to Amazon."""
        if rule.class_ is not Class.PII or not looks_like_token(value):
            raise misplaced()
        try:
            revealed = self._vault.reveal(
                asking.bearer.caller,
                value,
                purpose=asking.purpose,
                now=asking.now,
                action=Action.RELAY,
                seller=asking.bearer.seller,
                req=asking.request_id,
            )
        except (Tampered, Unavailable):
            raise
        except StrongroomError as exc:
            # One answer for all: whether a token exists is nothing to a caller without a grant.
            raise denied(UNUSABLE_TOKEN, Reason.NO_GRANT) from exc
        asking.opened.add(revealed.record)
        if rule.category is not None and revealed.category is not rule.category:
            raise misplaced()
        return revealed.value.unwrap()

    def _value(
        self,
        asking: Asking,
        rule: Leaf | Branch | None,
        wraps: str,
        value: Any,  # noqa: ANN401 - any JSON
        depth: int,
    ) -> Any:  # noqa: ANN401 - any JSON
        """Return a value with its tokens put back; `wraps` is what still stands around what the rule means.

        What has no rule passes as the app's own, but never with a token.
        """
        if depth > _MAX_DEPTH:
            raise bad_request("The request body is nested too deeply.")
        if isinstance(value, dict):
            return {
                name: self._value(asking, *_member_of(rule, wraps, name), member, depth + 1)
                for name, member in value.items()
            }
        if isinstance(value, list):
            within = wraps.removeprefix("[")
            return [self._value(asking, rule, within, member, depth + 1) for member in value]
        if not isinstance(value, str) or not _holds_token(value):
            return value
        if not isinstance(rule, Leaf):
            raise misplaced()
        return self._put_back(asking, rule, value)


def _member_of(
    rule: Leaf | Branch | None, wraps: str, name: str
) -> tuple[Leaf | Branch | None, str]:
    """Return the rule of a member of an object, and what stands around what that means."""
    if _holds_token(name):
        raise misplaced()
    if wraps.startswith("{"):
        return rule, wraps[1:]
    if isinstance(rule, Branch):
        member = rule.node.members.get(name)
        return member, "" if member is None else member.wraps
    # Within JSON of any form its rule holds for every string.
    return (rule, "") if rule is not None and rule.type is Type.JSON else (None, "")


def purpose_of(header: str | None) -> Purpose:
    """Return the purpose an app gives in `x-strongroom-purpose`; fulfilment where it gives none."""
    if header is None:
        return Purpose.FULFILMENT
    try:
        return Purpose(header)
    except ValueError:
        raise bad_request("The header x-strongroom-purpose names no known purpose.") from None


def dated_views(
    operation: Operation, path: str, query: str, orders: frozenset[str]
) -> list[tuple[str, str]]:
    """Return path and query of the calls that tell the dates of orders which a view showed without."""
    if _DATASETS not in operation.parameters:
        return [(f"{_DATED_VIEW}/{order}", "") for order in sorted(orders)]
    # The same page again, with the datasets that hold status and ship time.
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != _DATASETS]
    return [(path, urlencode([*pairs, (_DATASETS, _DATED_SETS)], quote_via=quote, safe=",:"))]


def holds_token(path: str) -> bool:
    """Say whether a path of no operation carries one of our tokens."""
    return _holds_token(path) or _holds_token(unquote(path))


def _parse_query(raw: bytes) -> list[tuple[str, str]]:
    if len(raw) > _MAX_QUERY_CHARACTERS:
        raise bad_request("The query is too long.")
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise bad_request("The query is malformed.") from None


def _holds_token(text: str) -> bool:
    # Shorter texts hold none: a token is 20 characters.
    return len(text) >= 20 and (looks_like_token(text) or bool(find_tokens(text)))  # noqa: PLR2004


def _binding(asking: Asking) -> dict[str, object]:
    bearer = asking.bearer
    return {"o": asking.operation.id, "p": bearer.caller.principal, "s": bearer.seller}


def misplaced() -> Refusal:
    """Return the end of a request with a token in the wrong place."""
    return bad_request(
        "The request holds a Strongroom token where Amazon expects no personal data.",
        Reason.UNCLASSIFIED,
    )
