"""What commands do to locks of people and addresses, and to sessions of others [1.2]."""

from strongroom.accounts import Disposition, Lock
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json


@operation("user.locks")
def _user_locks(call: Call, *, every: bool = False) -> Json:
    return {"locks": [_lock(call, lock) for lock in call.system.guard.locks(call.now, all=every)]}


@operation("user.unlock")
def _user_unlock(call: Call, *, lock: int, disposition: str | None = None) -> Json:
    given = None if disposition is None else _given(disposition)
    return _lock(call, call.system.guard.lift(lock, call.caller, call.now, given))


@operation("user.dispose")
def _user_dispose(call: Call, *, lock: int, disposition: str) -> Json:
    found = call.system.guard.dispose(lock, call.caller, call.now, _given(disposition))
    return _lock(call, found)


@operation("user.sign-off")
def _user_sign_off(call: Call, *, name: str | None = None) -> Json:
    """Without a name: everybody."""
    person = None if name is None else call.system.accounts.find(name).id
    return {"people": call.system.guard.sign_off(person, call.caller, call.now)}


def _given(text: str) -> Disposition:
    """Return a disposition that a person gives: `expired` comes by itself."""
    return member(Disposition, text, "disposition", but=Disposition.EXPIRED)


def _lock(call: Call, lock: Lock) -> Json:
    names = call.system.accounts.name_of
    return {
        "id": lock.id,
        "state": "holds" if lock.holds(call.now) else "lifted",
        "scope": lock.scope.value,
        "name": lock.name,
        "target": lock.target,
        "reason": lock.reason.value,
        "locked_at": lock.locked_at.isoformat(),
        "until": iso(lock.until),
        "lifted_at": iso(lock.lifted_at),
        "lifted_by": None if lock.lifted_by is None else names(lock.lifted_by),
        "disposition": None if lock.disposition is None else lock.disposition.value,
        "disposed_by": None if lock.disposed_by is None else names(lock.disposed_by),
        "disposed_at": iso(lock.disposed_at),
    }
