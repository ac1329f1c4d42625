"""The paths of `/v1`: each checks, asks the vault's door, and answers. All of them run in threads.

A value is unwrapped here, in `_value`, where it leaves the process, and nowhere else. What the vault refused it has
recorded; what never came to the vault the door records.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request, Response

from strongroom.accounts import Accounts
from strongroom.api.asking import (
    JOSE,
    JSON,
    answer,
    exchange_of,
    recorded_by_vault,
    refuse_unsealed,
)
from strongroom.api.document import RELAY_REQUEST, RELAY_RESPONSES
from strongroom.api.exchange import Exchange
from strongroom.api.limits import Allowances
from strongroom.api.models import (
    BatchAnswer,
    BatchRequest,
    GrantsAnswer,
    HealthAnswer,
    OrderAnswer,
    OrderRequest,
    PrincipalAnswer,
    RecordAnswer,
    RevealRequest,
    SearchAnswer,
    SearchRequest,
    Value,
)
from strongroom.api.printing import paper_router
from strongroom.api.problems import problem_for
from strongroom.audit.entry import Event, Outcome, Reason
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.crypto.ticket import TicketBox
from strongroom.crypto.token import number_in
from strongroom.errors import (
    Malformed,
    NotFound,
    StrongroomError,
    Unauthenticated,
    Unavailable,
)
from strongroom.paper import Paper
from strongroom.policy.limits import ACCESS_TOKEN_LIFETIME
from strongroom.relay import Errand, Relay
from strongroom.terms import Category, PrincipalId, Purpose, RecordNumber, SellerId
from strongroom.vault import GrantStore, Revealed, SellerStore, Vault

_LARGEST_RECORD: Final = 2**40 - 1
_PASSED_ON: Final = b"x-relay-"
"""How a header begins that goes to the third party, without these letters."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the routes work with."""

    vault: Vault
    accounts: Accounts
    sellers: SellerStore
    grants: GrantStore
    audit: AuditLog
    allowances: Allowances
    cursors: TicketBox
    relay: Relay
    paper: Paper


def router(rooms: Rooms) -> APIRouter:
    """Return every route that needs an access token, and health."""
    found = _Routes(rooms).router()
    found.include_router(paper_router(rooms.paper, rooms.sellers, rooms.audit, rooms.allowances))
    return found


class _Routes:
    def __init__(self, rooms: Rooms) -> None:
        self._vault = rooms.vault
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers
        self._grants = rooms.grants
        self._audit = rooms.audit
        self._allowances = rooms.allowances
        self._cursors = rooms.cursors
        self._relay = rooms.relay

    def router(self) -> APIRouter:
        found = APIRouter(prefix="/v1")
        for method, path, route, model, personal in (
            ("POST", "/reveal", self.reveal, Value, True),
            ("POST", "/reveal/batch", self.reveal_batch, BatchAnswer, True),
            ("POST", "/orders/reveal", self.reveal_order, OrderAnswer, True),
            ("POST", "/search", self.search, SearchAnswer, True),
            ("GET", "/records/{number}", self.record, RecordAnswer, True),
            ("GET", "/grants", self.own_grants, GrantsAnswer, False),
            ("GET", "/principal", self.principal, PrincipalAnswer, False),
            ("GET", "/health", _health, HealthAnswer, False),
        ):
            responses: dict[int | str, dict[str, Any]] = {200: {"model": model}}
            if personal:
                responses[200]["content"] = {
                    JOSE: {"schema": {"type": "string", "description": "JWE of the same JSON."}}
                }
            found.add_api_route(
                path,
                route,
                methods=[method],
                responses=responses,
                response_class=Response,
                response_model=None,
                operation_id=route.__name__.strip("_"),
            )
        found.add_api_route(
            "/relay/{destination}/{path:path}",
            self.relay,
            methods=["POST"],
            response_class=Response,
            response_model=None,
            operation_id="relay",
            responses=RELAY_RESPONSES,
            openapi_extra=RELAY_REQUEST,
        )
        return found

    # -- values ----------------------------------------------------------------------------------

    def reveal(self, request: Request, asked: RevealRequest) -> Response:
        """Open one token. Repeat it at will: the same record counts once a day."""
        exchange = exchange_of(request, "api.reveal")
        refuse_unsealed(exchange)
        return answer(exchange, self._reveal(exchange, asked.token, asked))

    def reveal_batch(self, request: Request, asked: BatchRequest) -> Response:
        """Open up to a hundred tokens; one that is refused does not hold up the others. Labels are not opened here."""
        exchange = exchange_of(request, "api.reveal.batch")
        refuse_unsealed(exchange)
        results: list[dict[str, Any]] = []
        unrecorded: dict[Reason, int] = {}
        for token in asked.tokens:
            exchange.recorded = False
            try:
                value = self._reveal(exchange, token, asked, alone=False)
                results.append({"token": token, "value": value})
            except Unavailable:
                # What is not recorded is not answered, and the next one would fare no better.
                raise
            except StrongroomError as exc:
                problem = problem_for(exc)
                results.append({"token": token, "problem": problem.document()})
                if not exchange.recorded:
                    unrecorded[problem.reason] = unrecorded.get(problem.reason, 0) + 1
        for reason, count in unrecorded.items():
            self._record(exchange, EventType.API_REQUEST_REFUSED, Outcome.DENIED, reason, count)
        exchange.recorded = True
        return answer(exchange, {"results": results})

    def reveal_order(self, request: Request, asked: OrderRequest) -> Response:
        """Open an order's values that the grants cover; a category asked for by name must be granted."""
        exchange = exchange_of(request, "api.orders.reveal")
        refuse_unsealed(exchange)
        everything = len(set(asked.categories)) == len(Category)
        seller = self._seller(asked.seller)
        order = self._audit.pseudonym("order", f"{seller}/{asked.order}")
        with (
            self._allowances.reveal(exchange.caller.principal, exchange.now, order=order) as count,
            recorded_by_vault(exchange),
        ):
            values = self._vault.reveal_order(
                exchange.caller,
                seller,
                asked.order,
                purpose=asked.purpose,
                now=exchange.now,
                categories=None if everything else frozenset(asked.categories),
                req=exchange.request_id,
                why=self._reason(asked.reason),
            )
            for value in values[:1]:
                count(value.record)
                exchange.opened.add(value.record)
        return answer(exchange, {"values": [self._value(value) for value in values]})

    # -- tokens ----------------------------------------------------------------------------------

    def search(self, request: Request, asked: SearchRequest) -> Response:
        """Find the records of an e-mail address, a phone number or an order, as tokens; at most 100 in all."""
        exchange = exchange_of(request, "api.search")
        refuse_unsealed(exchange, search=asked.by)
        after = self._after(exchange, asked)
        named = asked.sellers
        sellers = (
            [seller.id for seller in self._sellers.all()]
            if named is None
            else [self._seller(name) for name in dict.fromkeys(named)]
        )
        with recorded_by_vault(exchange):
            found = self._vault.find(
                exchange.caller,
                purpose=asked.purpose,
                now=exchange.now,
                sellers=sellers,
                req=exchange.request_id,
                why=self._reason(asked.reason),
                email=asked.value if asked.by == "email" else None,
                phone=asked.value if asked.by == "phone" else None,
                order=asked.value if asked.by == "order" else None,
            )
        records = sorted((f for f in found if f.record > after), key=lambda f: f.record)
        page = records[: asked.limit]
        exchange.opened.update(one.record for one in page)
        cursor = None
        if len(records) > len(page):
            cursor = self._cursors.seal(
                {
                    "p": exchange.caller.principal,
                    "q": _question(asked),
                    "a": page[-1].record,
                },
                expires_at=exchange.now + ACCESS_TOKEN_LIFETIME,
            )
        shown = [
            {
                "record": one.record,
                "seller": self._sellers.get(one.seller).name,
                "state": one.state,
                "order": one.order,
                "tokens": one.tokens,
            }
            for one in page
        ]
        return answer(exchange, {"records": shown, "cursor": cursor})

    def record(
        self, request: Request, number: Annotated[int, Path(ge=0, le=_LARGEST_RECORD)]
    ) -> Response:
        """Describe a record of a selling partner that some grant covers: its state and tokens, no value."""
        exchange = exchange_of(request, "api.records")
        refuse_unsealed(exchange)
        with recorded_by_vault(exchange):
            found = self._vault.describe(
                exchange.caller,
                RecordNumber(number),
                now=exchange.now,
                req=exchange.request_id,
            )
        exchange.opened.add(found.record)
        due = found.due_at
        return answer(
            exchange,
            {
                "record": found.record,
                "seller": self._sellers.get(found.seller).name,
                "state": found.state,
                "due_at": None if due is None else datetime.fromtimestamp(due, UTC).isoformat(),
                "tokens": found.tokens,
            },
        )

    def own_grants(self, request: Request) -> Response:
        """List the caller's own grants, ended ones too."""
        exchange = exchange_of(request, "api.grants")
        rows = self._grants.all(exchange.caller.principal)
        self._record(exchange, EventType.API_REQUEST_ANSWERED, Outcome.SUCCESS, None, len(rows))
        grants = [
            {
                "id": row.grant.id,
                "action": row.grant.action.value,
                "purpose": row.grant.purpose.value,
                "categories": sorted(row.grant.categories),
                "sellers": None
                if row.grant.sellers is None
                else [self._sellers.get(id_).name for id_ in sorted(row.grant.sellers)],
                "state": row.state(exchange.now),
                "expires_at": row.grant.expires_at.isoformat(),
            }
            for row in rows
        ]
        return answer(exchange, {"grants": grants}, personal=False)

    def principal(self, request: Request) -> Response:
        """Tell the caller who it is: the one thing that a node may ask, too."""
        exchange = exchange_of(request, "api.principal")
        caller, shown = exchange.caller, exchange.shown
        self._record(exchange, EventType.API_REQUEST_ANSWERED, Outcome.SUCCESS, None, 1)
        certificate = (
            None
            if shown is None
            else {"thumbprint": shown.thumbprint.hex(), "ends_at": shown.ends_at.isoformat()}
        )
        document = {
            "id": caller.principal,
            "name": caller.name,
            "kind": caller.kind.value,
            "owner": self._accounts.find(caller.name).owner,
            "auth": caller.auth.value,
            "certificate": certificate,
        }
        return answer(exchange, document, personal=False)

    # -- use without seeing ----------------------------------------------------------------------

    def relay(
        self,
        request: Request,
        destination: Annotated[str, Path(max_length=40)],
        path: Annotated[str, Path(max_length=1000)],
    ) -> Response:
        """Post to an approved destination with values in the places of tokens; the answer comes back as tokens."""
        exchange = exchange_of(request, "api.relay")
        caller, now = exchange.caller, exchange.now
        try:
            purpose = Purpose(exchange.header(b"x-strongroom-purpose") or Purpose.FULFILMENT)
            query = request.scope["query_string"].decode("ascii")
        except ValueError:
            raise Malformed("the purpose is not known, or the query is not URL-encoded") from None
        errand = Errand(
            caller,
            destination,
            path,
            purpose,
            now,
            exchange.request_id,
            partial(self._room, caller.principal, now),
            body=exchange.body,
            content_type=exchange.header(b"content-type"),
            query=query,
            headers={
                name.removeprefix(_PASSED_ON).decode("latin-1"): value.decode("latin-1")
                for name, value in exchange.headers.items()
                if name.startswith(_PASSED_ON)
            },
            src_ip=exchange.src_ip,
        )
        try:
            answered = self._relay.send(errand)
        finally:
            exchange.recorded = errand.recorded
        headers = {"x-strongroom-relayed": destination.lower()}
        if answered.retry_after is not None:
            headers["retry-after"] = answered.retry_after
        return Response(answered.body, answered.status, headers, media_type=answered.content_type)

    # -- private ---------------------------------------------------------------------------------

    def _room(
        self, principal: PrincipalId, now: datetime, number: int | None
    ) -> AbstractContextManager[Callable[[int], None]]:
        return self._allowances.reveal(principal, now, number=number)

    def _reveal(
        self,
        exchange: Exchange,
        token: str,
        asked: RevealRequest | BatchRequest,
        *,
        alone: bool = True,
    ) -> dict[str, Any]:
        number = number_in(token)
        with (
            self._allowances.reveal(
                exchange.caller.principal, exchange.now, number=number
            ) as count,
            recorded_by_vault(exchange),
        ):
            revealed = self._vault.reveal(
                exchange.caller,
                token,
                purpose=asked.purpose,
                now=exchange.now,
                alone=alone,
                req=exchange.request_id,
                why=self._reason(asked.reason),
            )
            count(revealed.record)
        exchange.opened.add(revealed.record)
        return self._value(revealed)

    def _value(self, revealed: Revealed) -> dict[str, Any]:
        return {
            "token": revealed.token,
            "slot": revealed.slot,
            "category": revealed.category.value,
            "seller": self._sellers.get(revealed.seller).name,
            "record": revealed.record,
            "value": revealed.value.unwrap(),
        }

    def _seller(self, name: str) -> SellerId:
        """Return a selling partner's number; an unknown name gets one that no grant covers.

        So it is refused, recorded and answered as a partner of somebody else's is: who asks learns no names.
        """
        try:
            return self._sellers.by_name(name).id
        except NotFound:
            return SellerId(0)

    def _reason(self, text: str) -> str:
        return self._audit.pseudonym("reason", text)

    def _after(self, exchange: Exchange, asked: SearchRequest) -> int:
        """Return the record after which the page begins.

        Raises:
            Malformed: the cursor is another app's, another search's, or too old.

        """
        if asked.cursor is None:
            return -1
        try:
            payload = self._cursors.open(asked.cursor, exchange.now)
        except Unauthenticated:
            raise Malformed("the cursor is not valid") from None
        if (payload["p"], payload["q"]) != (exchange.caller.principal, _question(asked)):
            raise Malformed("the cursor belongs to another search")
        after: int = payload["a"]
        return after

    def _record(
        self,
        exchange: Exchange,
        type_: EventType,
        outcome: Outcome,
        reason: Reason | None,
        n: int,
    ) -> None:
        event = Event(
            type_,
            outcome,
            exchange.caller,
            reason=reason,
            op=exchange.op,
            n=n,
            req=exchange.request_id,
            src_ip=exchange.src_ip,
        )
        self._audit.record(event, now=exchange.now)
        exchange.recorded = True


async def _health() -> Response:
    """Tell that the listener answers. What fails inside is told by the health listener."""
    return Response(b'{"status":"ok"}', media_type=JSON)


def _question(asked: SearchRequest) -> str:
    """Return what ties a cursor to its search: a digest, inside a ticket that only we can open."""
    sellers = sorted(asked.sellers or ())
    return sha256(orjson.dumps([asked.by, asked.value, asked.purpose, sellers])).hexdigest()
