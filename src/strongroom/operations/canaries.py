"""What commands do to canary records: count, plant, rotate and check them; which they are is told to nobody [2.6].

Only the console may: the owner of the home holds the key from which they follow.
"""

from strongroom.audit import Event, EventType, Outcome, Reason
from strongroom.errors import Denied, Malformed, NotFound
from strongroom.operations.registry import Call, iso, operation
from strongroom.policy.limits import CANARY_CHECK_EVERY
from strongroom.request import Json
from strongroom.terms import AuthMethod
from strongroom.vault import Seller
from strongroom.vault.canaries import CHECKER, Standing
from strongroom.vault.canary_check import check_canary, last_checked

_MOST_AT_ONCE = 1000


@operation("canary.list")
def _canary_list(call: Call) -> Json:
    _refuse_others(call, "canary.list")
    names = call.system.sellers.names()
    standings = call.system.vault.canaries.standings(call.now)
    return {"canaries": [_shown(call, one) | {"seller": names[one.seller]} for one in standings]}


@operation("canary.status")
def _canary_status(call: Call) -> Json:
    _refuse_others(call, "canary.status")
    standings = call.system.vault.canaries.standings(call.now)
    checked = last_checked(call.system.audit)
    overdue = checked is None or call.now - checked > CANARY_CHECK_EVERY
    return {
        "ok": not overdue and not any(one.missing or one.unburnt < one.wanted for one in standings),
        "sellers": len(standings),
        "wanted": sum(one.wanted for one in standings),
        "untouched": sum(one.unburnt for one in standings),
        "touched": sum(one.burnt for one in standings),
        "missing": sum(one.missing for one in standings),
        "checked_at": iso(checked),
        "check_overdue": overdue,
    }


@operation("canary.plant")
def _canary_plant(call: Call, *, seller: str | None = None, count: int | None = None) -> Json:
    _refuse_others(call, "canary.plant")
    if count is not None and not 1 <= count <= _MOST_AT_ONCE:
        raise Malformed(f"plant 1 to {_MOST_AT_ONCE} at once")
    planted = {}
    standings = {one.seller: one for one in call.system.vault.canaries.standings(call.now)}
    for one in _sellers(call, seller):
        standing = standings[one.id]
        wanted = max(standing.wanted - standing.unburnt, 0) if count is None else count
        planted[one.name] = (
            call.system.vault.plant(call.caller, one.id, wanted, call.now) if wanted else 0
        )
    return {"planted": planted}


@operation("canary.rotate")
def _canary_rotate(call: Call, *, seller: str | None = None) -> Json:
    _refuse_others(call, "canary.rotate")
    system, planted = call.system, {}
    for one in _sellers(call, seller):
        with system.database.write() as tx:
            event = system.vault.canaries.rotate(tx, call.caller, one.id)
            system.audit.append(tx, event, now=call.now)
        (standing,) = [s for s in system.vault.canaries.standings(call.now) if s.seller == one.id]
        planted[one.name] = system.vault.plant(call.caller, one.id, standing.wanted, call.now)
    return {"planted": planted}


@operation("canary.check")
def _canary_check(call: Call, *, seller: str | None = None) -> Json:
    _refuse_others(call, "canary.check")
    system = call.system
    checked = _sellers(call, seller)[:1] if seller is None else _sellers(call, seller)
    proved = check_canary(
        system.vault,
        system.database,
        system.audit,
        caller=call.caller,
        checker=system.accounts.service(CHECKER, call.now),
        seller=checked[0].id,
        now=call.now,
    )
    return {"ok": proved, "seller": checked[0].name, "checked_at": iso(call.now)}


def _sellers(call: Call, name: str | None) -> list[Seller]:
    if name is not None:
        return [call.system.sellers.by_name(name)]
    found = call.system.sellers.all()
    if not found:
        raise NotFound("there is no seller yet", hint="strongroom seller add")
    return found


def _shown(call: Call, one: Standing) -> Json:
    """Return counts and ages: nothing that says which records they are."""

    def days(at: int | None) -> int | None:
        return None if at is None else max(int(call.now.timestamp()) - at, 0) // 86_400

    return {
        "wanted": one.wanted,
        "untouched": one.unburnt,
        "touched": one.burnt,
        "missing": one.missing,
        "oldest_days": days(one.oldest),
        "newest_days": days(one.newest),
    }


def _refuse_others(call: Call, op: str) -> None:
    if call.caller.auth is AuthMethod.CONSOLE:
        return
    event = Event(
        EventType.CANARY_CHECKED, Outcome.DENIED, call.caller, reason=Reason.NOT_AUTHORIZED, op=op
    )
    with call.system.database.write() as tx:
        call.system.audit.append(tx, event, now=call.now)
    raise Denied("only the console deals with canaries")
