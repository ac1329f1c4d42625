"""What commands ask of the vault's door: revealed values and found records."""

from strongroom.operations.registry import Call, member, operation, reason_of, sellers_of
from strongroom.request import Json
from strongroom.terms import Category, Purpose
from strongroom.vault import Revealed


@operation("reveal.token")
def _reveal_token(call: Call, *, token: str, purpose: str, reason: str | None = None) -> Json:
    revealed = call.system.vault.reveal(
        call.caller,
        token,
        purpose=member(Purpose, purpose, "purpose"),
        now=call.now,
        req=_at_door(call),
        why=reason_of(call, reason),
    )
    return _revealed(call, revealed)


@operation("reveal.order")
def _reveal_order(
    call: Call,
    *,
    order: str,
    seller: str,
    purpose: str,
    reason: str | None = None,
    categories: list[str] | None = None,
) -> Json:
    wanted = frozenset(member(Category, name, "category") for name in categories or ())
    values = call.system.vault.reveal_order(
        call.caller,
        call.system.sellers.by_name(seller).id,
        order,
        purpose=member(Purpose, purpose, "purpose"),
        categories=wanted or None,
        now=call.now,
        req=_at_door(call),
        why=reason_of(call, reason),
    )
    return {"values": [_revealed(call, value) for value in values]}


@operation("find")
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
    ids = [s.id for s in among] if among is not None else sellers_of(system, sellers or [])
    records = system.vault.find(
        call.caller,
        purpose=member(Purpose, purpose, "purpose"),
        now=call.now,
        sellers=ids,
        email=email,
        phone=phone,
        order=order,
        req=_at_door(call),
        why=reason_of(call, reason),
    )
    call.leaving.opened.update(record.record for record in records)
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


def _at_door(call: Call) -> str:
    """Return how the door's events name this request; from here on something becomes of its answer."""
    call.leaving.at_door = True
    return call.leaving.req


def _revealed(call: Call, revealed: Revealed) -> Json:
    call.leaving.opened.add(revealed.record)
    return {
        "token": revealed.token,
        "slot": revealed.slot,
        "category": revealed.category.value,
        "seller": call.system.sellers.get(revealed.seller).name,
        "record": revealed.record,
        # Here it leaves the vault's process: toward the socket or the terminal that asked.
        "value": revealed.value.unwrap(),
    }
