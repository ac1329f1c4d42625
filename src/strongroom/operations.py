"""Everything a command does to an open home, by name, with JSON for arguments and results.

The command line calls these itself when nothing serves the home, and through the control socket when
something does; both come through `run`, which finds out who calls and checks the arguments' types.
Rules are not here: each operation calls the room that holds them. A result may hold a revealed value
or a credential shown once; an error never does.
"""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from strongroom.accounts import NewPerson, Principal
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.doctor import open_checks
from strongroom.errors import Malformed, Tampered
from strongroom.terms import SYSTEM, Action, Caller, Category, PrincipalKind, Purpose, SellerId
from strongroom.vault import GrantRow, LwaCredentials, Revealed, Seller
from strongroom.vault.drift import seen_drift

Json = dict[str, Any]
Progress = Callable[[int, int | None], None]
_M = TypeVar("_M", bound=StrEnum)


VERIFY: Final = "audit.verify"
"""The one operation for which a home with a broken log is opened too."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when, and where progress is told: things done and, where known, in all."""

    system: System
    caller: Caller
    now: datetime
    progress: Progress


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it comes over the socket. `as_name` with `credential` stands for `--as`."""

    operation: str
    arguments: Mapping[str, Any] = field(repr=False)
    as_name: str | None = None
    credential: str | None = field(default=None, repr=False)
    now: str | None = None


@dataclass(frozen=True, slots=True)
class _Operation:
    function: Callable[..., Json]
    hints: Mapping[str, Any]
    required: frozenset[str]


_TABLE: Final[dict[str, _Operation]] = {}

_LARGEST: Final = 999_999_999
"""Of any number an operation takes: beyond it neither a column nor a span of days holds it."""


def run(system: System, request: Request, os_user: str, progress: Progress | None = None) -> Json:
    """Run one operation for the machine's user `os_user`, or for whom the request proves to be.

    Raises:
        Malformed: no such operation, or arguments of other names or types.
        Unauthenticated: the credential is not that principal's.
        Denied: the request chooses the time in a production home.

    """
    operation = _TABLE.get(request.operation)
    if operation is None:
        raise Malformed("no such operation")
    _check(operation, request.arguments)
    now = system.at(None if request.now is None else instant(request.now))
    call = Call(
        system,
        _caller(system, request, os_user, now),
        now,
        progress or (lambda _done, _total: None),
    )
    return operation.function(call, **request.arguments)


def names() -> frozenset[str]:
    """Return the name of every operation."""
    return frozenset(_TABLE)


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


def _operation(name: str) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    def register(function: Callable[..., Json]) -> Callable[..., Json]:
        parameters = dict(inspect.signature(function).parameters)
        parameters.pop("call")
        hints = typing.get_type_hints(function)
        _TABLE[name] = _Operation(
            function,
            {name: hints[name] for name in parameters},
            frozenset(n for n, p in parameters.items() if p.default is inspect.Parameter.empty),
        )
        return function

    return register


# -- selling partners ------------------------------------------------------------------------------


@_operation("seller.add")
def _seller_add(  # noqa: PLR0913 - the contract's options
    call: Call,
    *,
    name: str,
    region: str,
    marketplaces: list[str],
    client_id: str,
    client_secret: str,
    refresh_token: str,
    endpoint: str | None = None,
    lwa_url: str | None = None,
    upstream_ca: str | None = None,
) -> Json:
    return _seller(
        call.system.sellers.add(
            call.caller,
            name=name,
            region=region,
            marketplaces=tuple(marketplaces),
            credentials=LwaCredentials(client_id, client_secret, refresh_token),
            now=call.now,
            endpoint=endpoint,
            lwa_url=lwa_url,
            upstream_ca=upstream_ca,
        )
    )


@_operation("seller.list")
def _seller_list(call: Call) -> Json:
    return {"sellers": [_seller(seller) for seller in call.system.sellers.all()]}


@_operation("seller.show")
def _seller_show(call: Call, *, name: str) -> Json:
    return _seller(call.system.sellers.by_name(name))


# -- apps and people -------------------------------------------------------------------------------


@_operation("app.add")
def _app_add(call: Call, *, name: str, owner: str) -> Json:
    added = call.system.accounts.add_app(name, owner, caller=call.caller, now=call.now)
    return {
        **_principal(added.app),
        "owner_registered": added.owner_registered,
        "client_id": added.client_id,
        "client_secret": added.client_secret,
    }


@_operation("app.authorize")
def _app_authorize(call: Call, *, name: str, seller: str) -> Json:
    partner = call.system.sellers.by_name(seller)
    made = call.system.accounts.authorize(name, partner.id, caller=call.caller, now=call.now)
    return {
        "app": name.lower(),
        "seller": partner.name,
        "authorization": made.id,
        "refresh_token": made.refresh_token,
    }


@_operation("app.list")
def _app_list(call: Call) -> Json:
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    apps = []
    for app in call.system.accounts.listed(PrincipalKind.APP):
        living = call.system.accounts.authorizations(app.name)
        apps.append({**_principal(app), "sellers": sorted({sellers[a.seller] for a in living})})
    return {"apps": apps}


@_operation("app.end")
def _app_end(call: Call, *, name: str) -> Json:
    return _end(call, name, PrincipalKind.APP)


@_operation("user.add")
def _user_add(call: Call, *, name: str) -> Json:
    accounts = call.system.accounts
    return _new_person(accounts.add_person(name, caller=call.caller, now=call.now, credential=True))


@_operation("user.credential")
def _user_credential(call: Call, *, name: str) -> Json:
    return _new_person(
        call.system.accounts.renew_credential(name, caller=call.caller, now=call.now)
    )


@_operation("user.list")
def _user_list(call: Call) -> Json:
    people = call.system.accounts.listed(PrincipalKind.PERSON)
    return {"users": [_principal(person) for person in people]}


@_operation("user.end")
def _user_end(call: Call, *, name: str) -> Json:
    return _end(call, name, PrincipalKind.PERSON)


# -- grants ----------------------------------------------------------------------------------------


@_operation("grant.add")
def _grant_add(
    call: Call,
    *,
    principal: str,
    action: str,
    purpose: str,
    categories: list[str],
    days: int,
    sellers: list[str] | None = None,
) -> Json:
    system = call.system
    partners = None if sellers is None else frozenset(_sellers(system, sellers))
    found = system.accounts.find(principal)
    if found.ended_at is not None:
        raise Malformed(f"the account {found.name} has ended")
    row = system.grants.add(
        call.caller,
        principal=found.id,
        action=_member(Action, action, "action"),
        purpose=_member(Purpose, purpose, "purpose"),
        categories=frozenset(_member(Category, name, "category") for name in categories),
        sellers=partners,
        lifetime=timedelta(days=days),
        now=call.now,
    )
    return _grant(call, row)


@_operation("grant.approve")
def _grant_approve(call: Call, *, grant: int) -> Json:
    return _grant(call, call.system.grants.approve(call.caller, grant, call.now))


@_operation("grant.revoke")
def _grant_revoke(call: Call, *, grant: int) -> Json:
    return _grant(call, call.system.grants.revoke(call.caller, grant, call.now))


@_operation("grant.list")
def _grant_list(call: Call, *, principal: str | None = None) -> Json:
    of = None if principal is None else call.system.accounts.find(principal).id
    return {"grants": [_grant(call, row) for row in call.system.grants.all(of)]}


# -- personal data: through the vault's door -------------------------------------------------------


@_operation("reveal.token")
def _reveal_token(call: Call, *, token: str, purpose: str, reason: str | None = None) -> Json:
    revealed = call.system.vault.reveal(
        call.caller,
        token,
        purpose=_member(Purpose, purpose, "purpose"),
        now=call.now,
        req=_reason(call, reason),
    )
    return _revealed(call, revealed)


@_operation("reveal.order")
def _reveal_order(
    call: Call,
    *,
    order: str,
    seller: str,
    purpose: str,
    reason: str | None = None,
    categories: list[str] | None = None,
) -> Json:
    wanted = frozenset(_member(Category, name, "category") for name in categories or ())
    values = call.system.vault.reveal_order(
        call.caller,
        call.system.sellers.by_name(seller).id,
        order,
        purpose=_member(Purpose, purpose, "purpose"),
        categories=wanted or None,
        now=call.now,
        req=_reason(call, reason),
    )
    return {"values": [_revealed(call, value) for value in values]}


@_operation("find")
def _find(
    call: Call,
    *,
    purpose: str,
    email: str | None = None,
    phone: str | None = None,
    order: str | None = None,
    sellers: list[str] | None = None,
    reason: str | None = None,
) -> Json:
    system = call.system
    among = system.sellers.all() if sellers is None else None
    ids = [s.id for s in among] if among is not None else _sellers(system, sellers or [])
    records = system.vault.find(
        call.caller,
        purpose=_member(Purpose, purpose, "purpose"),
        now=call.now,
        sellers=ids,
        email=email,
        phone=phone,
        order=order,
        req=_reason(call, reason),
    )
    return {
        "records": [
            {
                "record": record.record,
                "seller": system.sellers.get(record.seller).name,
                "state": record.state,
                "order": record.order,
                "tokens": record.tokens,
            }
            for record in records
        ]
    }


# -- time, log, keys, catalogue --------------------------------------------------------------------


@_operation("retention.sweep")
def _retention_sweep(call: Call) -> Json:
    report = call.system.vault.sweep(call.now, progress=lambda done: call.progress(done, None))
    return asdict(report)


@_operation("retention.show")
def _retention_show(call: Call) -> Json:
    """Return the live periods: what is destroyed when."""
    return {"periods": _periods(call, live=True)}


@_operation("keys.list")
def _keys_list(call: Call) -> Json:
    return {"root": call.system.settings.keystore.root, "periods": _periods(call, live=None)}


@_operation(VERIFY)
def _audit_verify(call: Call) -> Json:
    audit = call.system.audit
    report = audit.verify(progress=call.progress)
    sound = not report.faults
    event = Event(
        EventType.LOG_VERIFIED,
        Outcome.SUCCESS if sound else Outcome.FAILURE,
        call.caller,
        reason=None if sound else Reason.TAMPERED,
        obj_kind=ObjKind.LOG,
        obj_ref=str(report.size),
        n=report.events,
    )
    if sound:
        with call.system.database.write() as tx:
            audit.append(tx, event, now=call.now)
    return {
        "ok": sound,
        "events": report.events,
        "size": report.size,
        "root": report.root.hex() if report.root else None,
        "faults": list(report.faults),
    }


@_operation("audit.tail")
def _audit_tail(call: Call, *, limit: int = 20) -> Json:
    entries = call.system.audit.tail(max(1, min(limit, 1000)))
    return {"events": [{"seq": entry.seq, **entry.body} for entry in entries]}


@_operation("catalogue.drift")
def _catalogue_drift(call: Call) -> Json:
    rows = seen_drift(call.system.database)
    return {
        "drift": [
            {
                **asdict(row),
                "first_seen_at": row.first_seen_at.isoformat(),
                "last_seen_at": row.last_seen_at.isoformat(),
            }
            for row in rows
        ]
    }


@_operation("doctor")
def _doctor(call: Call) -> Json:
    return {"checks": [asdict(check) for check in open_checks(call.system, call.now)]}


# -- private ---------------------------------------------------------------------------------------


def _caller(system: System, request: Request, os_user: str, now: datetime) -> Caller:
    if not system.sound:
        # Nothing can be recorded, so nobody is registered or checked; the service itself looks.
        if request.operation != VERIFY:
            raise Tampered("the audit log is not the one its signer vouched for")
        return SYSTEM
    if request.as_name is None:
        return system.accounts.console(os_user, now)
    return system.accounts.check_credential(request.as_name, request.credential or "", now)


def _check(operation: _Operation, arguments: Mapping[str, Any]) -> None:
    if operation.required - arguments.keys() or arguments.keys() - operation.hints.keys():
        raise Malformed("the operation takes other arguments")
    for name, value in arguments.items():
        if not _fits(value, operation.hints[name]):
            raise Malformed(f"argument {name} has another type")


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type
    if isinstance(hint, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        (inner,) = typing.get_args(hint)
        return isinstance(value, list) and all(_fits(item, inner) for item in value)
    # bool is an int to Python, and an answer to another question.
    fits = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    return fits and not (isinstance(value, int) and abs(value) > _LARGEST)


def _member(kind: type[_M], name: str, what: str) -> _M:
    try:
        return kind(name)
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise Malformed(f"no such {what}", hint=f"one of {allowed}") from None


def _sellers(system: System, wanted: list[str]) -> list[SellerId]:
    if not wanted:
        raise Malformed("no seller is named")
    return [system.sellers.by_name(name).id for name in wanted]


def _reason(call: Call, reason: str | None) -> str | None:
    # The log takes no free text: it keeps an HMAC, against which a stated reason can be held later.
    return None if reason is None else call.system.audit.pseudonym("reason", reason)


def _end(call: Call, name: str, kind: PrincipalKind) -> Json:
    if call.system.accounts.find(name).kind is not kind:
        raise Malformed(f"this is no {kind}")
    return _principal(call.system.accounts.end(name, caller=call.caller, now=call.now))


def _principal(principal: Principal) -> Json:
    return {
        "id": principal.id,
        "name": principal.name,
        "kind": principal.kind.value,
        "owner": principal.owner,
        "created_at": principal.created_at.isoformat(),
        "ended_at": _iso(principal.ended_at),
    }


def _new_person(made: NewPerson) -> Json:
    return {
        **_principal(made.person),
        "client_id": made.client_id,
        "client_secret": made.client_secret,
    }


def _seller(seller: Seller) -> Json:
    elements = seller.rdt_elements
    return {
        "id": seller.id,
        "name": seller.name,
        "region": seller.region,
        "marketplaces": list(seller.marketplaces),
        "endpoint": seller.endpoint,
        "lwa_url": seller.lwa_url,
        "own_ca": seller.upstream_ca is not None,
        "rdt_elements": None if elements is None else sorted(elements),
    }


def _grant(call: Call, row: GrantRow) -> Json:
    grant, accounts = row.grant, call.system.accounts
    sellers = grant.sellers
    return {
        "id": grant.id,
        "state": row.state(call.now),
        "principal": row.principal_name,
        "action": grant.action.value,
        "purpose": grant.purpose.value,
        "categories": sorted(category.value for category in grant.categories),
        "sellers": None
        if sellers is None
        else sorted(call.system.sellers.get(id_).name for id_ in sellers),
        "requested_by": accounts.name_of(row.requested_by),
        "approved_by": None if row.approved_by is None else accounts.name_of(row.approved_by),
        "one_person": row.one_person,
        "created_at": row.created_at.isoformat(),
        "expires_at": grant.expires_at.isoformat(),
        "revoked_at": _iso(grant.revoked_at),
    }


def _revealed(call: Call, revealed: Revealed) -> Json:
    return {
        "token": revealed.token,
        "slot": revealed.slot,
        "category": revealed.category.value,
        "seller": call.system.sellers.get(revealed.seller).name,
        "record": revealed.record,
        # Here it leaves the vault's process: toward the socket or the terminal that asked.
        "value": revealed.value.unwrap(),
    }


def _periods(call: Call, *, live: bool | None) -> list[Json]:
    sellers = {seller.id: seller.name for seller in call.system.sellers.all()}
    return [
        {
            "id": period.id,
            "seller": sellers.get(period.seller),
            "kind": period.kind.value,
            "day": (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=period.day))
            .date()
            .isoformat(),
            "generation": period.generation,
            "created_at": period.created_at.isoformat(),
            "destroyed_at": _iso(period.destroyed_at),
        }
        for period in call.system.keystore.periods(live=live)
    ]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
