"""What a scan asks of the home it protects: which values are in the vault, whose credentials these are; and its events.

Whoever asks learns whether somebody is a customer, so only the console may: the owner of the home, who could
ask the vault anyway. The scan itself runs in the command's process, with the rights of whoever started it.
"""

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.audit.entry import MAX_RECORDS
from strongroom.crypto.token import number_in
from strongroom.errors import Denied, Malformed
from strongroom.operations.registry import Call, operation
from strongroom.request import Json
from strongroom.terms import AuthMethod, RecordNumber
from strongroom.vault.known import TokenState

MOST_AT_ONCE = 4000


@operation("leaks.begin")
def _begin(call: Call, *, mode: str, salt: str) -> Json:
    """Record that a scan begins; `salt` is its state file's, and gives the key of the digests in it."""
    _refuse_others(call)
    begun = Event(
        EventType.LEAK_SCAN_STARTED,
        Outcome.SUCCESS,
        call.caller,
        op=_mode(mode),
        obj_kind=ObjKind.HOME,
        obj_ref=call.system.settings.home_id,
    )
    _append(call, begun)
    return {"key": call.system.audit.pseudonym("leak-scan", salt)}


@operation("leaks.look_up")
def _look_up(
    call: Call,
    *,
    emails: list[str],
    phones: list[str],
    orders: list[str],
    tokens: list[str],
) -> Json:
    """Say which records have these values, and which tokens verify."""
    _refuse_others(call)
    if len(emails) + len(phones) + len(orders) + len(tokens) > MOST_AT_ONCE:
        raise Malformed("too many values at once")
    system = call.system
    found = system.known.look_up(
        call.caller,
        [seller.id for seller in system.sellers.all()],
        call.now,
        emails=emails,
        phones=phones,
        orders=orders,
        tokens=tokens,
    )
    numbers = [
        number_in(token) if state is TokenState.OURS else None
        for token, state in zip(tokens, found.tokens, strict=True)
    ]
    known = {number for number in numbers if number is not None}
    canaries = system.vault.canaries.owners(
        known.union(*found.emails, *found.phones, *found.orders)
    )

    def told(records: list[RecordNumber]) -> list[RecordNumber] | str:
        """Return the records, or which of them is a canary: it tells more than all the others."""
        canary = next((number for number in records if number in canaries), None)
        return records if canary is None else f"canary:{canaries[canary]}:{canary}"

    return {
        "email": [told(records) for records in found.emails],
        "phone": [told(records) for records in found.phones],
        "order": [told(records) for records in found.orders],
        "token": [
            state.value if number not in canaries else f"canary:{canaries[number]}:{number}"
            for state, number in zip(found.tokens, numbers, strict=True)
        ],
    }


@operation("leaks.credentials")
def _credentials(call: Call, *, client_secrets: list[str], refresh_tokens: list[str]) -> Json:
    """Say which of these were issued here, and whether they still work."""
    _refuse_others(call)
    if len(client_secrets) + len(refresh_tokens) > MOST_AT_ONCE:
        raise Malformed("too many values at once")
    issued = call.system.issued
    return {
        "client_secrets": issued.client_secrets(client_secrets, call.now),
        "refresh_tokens": issued.refresh_tokens(refresh_tokens),
    }


@operation("leaks.finish")
def _finish(
    call: Call,
    *,
    mode: str,
    megabytes: int,
    kinds: list[str],
    counts: list[int],
    records: list[int],
) -> Json:
    """Record what a scan came to: its counts, and each kind of what was found."""
    _refuse_others(call)
    if len(kinds) != len(counts) or len(kinds) > len(set(kinds)) or min([*counts, *records, 0]) < 0:
        raise Malformed("kinds and counts do not go together")
    total = sum(counts)
    events = [
        Event(
            EventType.LEAK_FOUND,
            Outcome.FAILURE,
            call.caller,
            op=kind,
            n=count,
            records=tuple(records[:MAX_RECORDS]) if kind.startswith("vault.") else (),
        )
        for kind, count in list(zip(kinds, counts, strict=True))[:32]
    ]
    events.append(
        Event(
            EventType.LEAK_SCAN_FINISHED,
            Outcome.FAILURE if total else Outcome.SUCCESS,
            call.caller,
            op=_mode(mode),
            obj_kind=ObjKind.HOME,
            obj_ref=call.system.settings.home_id,
            n=total,
            bytes_=megabytes * 1024 * 1024,
        )
    )
    _append(call, *events)
    return {}


def _mode(mode: str) -> str:
    if mode not in ("data", "secrets"):
        raise Malformed("no such scan")
    return f"leaks.{mode}"


def _refuse_others(call: Call) -> None:
    if call.caller.auth is AuthMethod.CONSOLE:
        return
    event = Event(
        EventType.LEAK_SCAN_STARTED, Outcome.DENIED, call.caller, reason=Reason.NOT_AUTHORIZED
    )
    _append(call, event)
    raise Denied("only the console scans for leaks")


def _append(call: Call, *events: Event) -> None:
    call.system.audit.record(*events, now=call.now)
