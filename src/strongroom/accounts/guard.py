"""Slows guessing down, locks out, and notices sessions that can't be one person's [1.2].

Tries are counted by typed name, by place and for everybody, whether or not the name is anybody's, so that neither
waiting nor a lock tells who has an account. Counts and locks are in the database: a restart forgives nothing. A lock
is lifted by another person who may administer, or at the console, never by its own person, and each gets a disposition.
What programs get wrong is counted by address alone: a client id is no secret, so nobody can lock an app out with it.
The numbers are in `policy/limits.py`, the rules in `policy/lockout.py`. Nothing here compares a secret.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.accounts import counts, locks
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.counts import Key, Scope
from strongroom.accounts.locks import Lock, Locked, LockScope
from strongroom.accounts.principals import ANONYMOUS
from strongroom.accounts.telling import Telling
from strongroom.accounts.visits import Visit
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, Throttled
from strongroom.policy import lockout
from strongroom.policy.lockout import Disposition, LockReason
from strongroom.terms import SYSTEM, AuthMethod, Caller, PrincipalId, PrincipalKind

__all__ = ["Disposition", "EndSessions", "Guard", "Lock", "LockReason", "LockScope", "Locked"]

EndSessions = Callable[[Changes, PrincipalId, Reason], None]
"""Ends a person's living sessions, all of them, within the given transaction."""

_ALL: Final = "*"
_TRY_TAKES: Final = timedelta(minutes=1)
_PRUNE_EVERY: Final = timedelta(hours=1)
_SEEN_AGAIN: Final = timedelta(minutes=1)
_MOST_SEEN: Final = 4096
_NOBODY: Final = PrincipalId(0)


@dataclass(frozen=True, slots=True)
class _Try:
    """One try, as it is counted: pseudonyms only."""

    name: str | None
    place: str
    person: str
    src_ip: str

    @property
    def budgets(self) -> list[tuple[Scope, str]]:
        """What it draws on."""
        named = [] if self.name is None else [(Scope.NAME, self.name)]
        return [*named, (Scope.ADDRESS, self.place), (Scope.EVERYBODY, _ALL)]


class Guard:
    """The guard of one home. Safe between threads; what a method changed is durable when it returns, with its event.

    `administrators` returns the people who may administer at an instant: they lift locks. In a home of `one_person`
    that person lifts their own at the console: there is nobody else.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        administrators: Callable[[datetime], Collection[PrincipalId]],
        one_person: bool = False,
    ) -> None:
        self._database = database
        self._audit = audit
        self._administrators = administrators
        self._one_person = one_person
        self._end_sessions: EndSessions | None = None
        self._lock = threading.Lock()
        self._in_flight: dict[tuple[Scope, str], list[datetime]] = {}
        self._seen: dict[tuple[PrincipalId, str], datetime] = {}
        self._pruned_at: datetime | None = None
        self._blocked: dict[str, datetime] = {}
        self._telling = Telling[tuple[EventType, str, str | None]](
            (EventType.SIGNON_THROTTLED, "signon.many", None)
        )

    def ends_sessions_with(self, end: EndSessions) -> None:
        """Have `end` called, inside its transaction, for a lock that says that somebody else is in."""
        self._end_sessions = end

    # -- signing on ------------------------------------------------------------------------------

    def admit(
        self,
        name: str,
        principal: PrincipalId | None,
        visit: Visit,
        now: datetime,
        *,
        known_device: bool,
    ) -> None:
        """Let a try be made; every one that is ends in `failed`, `unfinished` or `succeeded`.

        Ask before anything is compared, for each proof: a password, a code, a passkey. `known_device`: this person
        signed on from this browser before, or shows a passkey, which nobody guesses; such a try is held only by its
        name's budget and the person's lock. Tries under way count as failed ones, so that many at once gain nothing.

        Raises:
            Throttled: too many failures of this name, from this place, or of everybody; recorded here.
            Locked: the person is locked out. The try is over and counted. Do the work of a wrong password, record
                `SIGNON_FAILED` with reason `locked`, and answer in the same words.

        """
        this = self._try(name, principal, visit)
        # Counted before the database is read: of two tries at once each sees the other.
        others = self._take_off(this.budgets, now)
        try:
            lock = self._check(this, principal, others, now, known_device=known_device)
        except BaseException:
            self._land(this.budgets)
            raise
        if lock is not None:
            self.settle(now)

    def failed(
        self,
        name: str,
        principal: PrincipalId | None,
        visit: Visit,
        now: datetime,
        *,
        factor: bool,
    ) -> None:
        """Count a failed try; `factor` where the second factor was wrong. It may lock the person, or the address."""
        this = self._try(name, principal, visit)
        keys = _rows(this.budgets, now)
        row = Key(Scope.STRANGER if principal is None else Scope.ROW, this.person)
        factors = Key(Scope.FACTORS, this.person)
        keys += [row, factors] if factor else [row]
        if this.name is not None and not factor:
            keys.append(Key(Scope.SPRAY, this.place, this.name))
        try:
            with changing(self._database, self._audit, SYSTEM, now) as change:
                numbers = counts.add(change.tx, keys, now)
                reason = lockout.after_failure(numbers[row], numbers.get(factors, 0))
                if principal is not None and reason is not None:
                    self._lock_person(change, principal, reason, this.src_ip)
                if lockout.is_spraying(counts.instants(change.tx, Scope.SPRAY, this.place), now):
                    self._lock_address(change, this)
                self._prune(change.tx, now)
        finally:
            self._land(this.budgets)

    def unfinished(self, principal: PrincipalId, visit: Visit, now: datetime) -> None:
        """Count a right password whose second factor is still missing; so many of them lock the person."""
        with changing(self._database, self._audit, SYSTEM, now) as change:
            this = self._try(locks.name_of(change.tx, principal), principal, visit)
            counts.add(change.tx, [Key(Scope.UNFINISHED, this.person).at(now, this.place)], now)
            if counts.wait(change.tx, Scope.UNFINISHED, this.person, now) is not None:
                self._lock_person(change, principal, LockReason.FACTOR_FATIGUE, this.src_ip)
        self._land(this.budgets)

    def succeeded(self, name: str, principal: PrincipalId, visit: Visit, now: datetime) -> None:
        """Forget the failures of a person who signed on or proved again who they are."""
        this = self._try(name, principal, visit)
        self._land(this.budgets)
        forgotten = [(Scope.ROW, this.person), (Scope.FACTORS, this.person)]
        if this.name is not None:
            forgotten.append((Scope.NAME, this.name))
        unfinished = Scope.UNFINISHED, this.person
        with self._database.read() as tx:
            if not counts.has_any(tx, [*forgotten, unfinished]):
                return
        with self._database.write() as tx:
            counts.clear(tx, forgotten)
            # Only their own: what somebody else began elsewhere still counts.
            counts.take_back(tx, Key(*unfinished, this.place), now)

    # -- being signed on -------------------------------------------------------------------------

    def seen(self, principal: PrincipalId, visit: Visit, now: datetime) -> None:
        """Note where a session acts from; call it for each request of one.

        Raises:
            Locked: its person acts from too many places at once; they are locked and their sessions have ended.

        """
        place = self._audit.pseudonym("ip", lockout.place(visit.address))
        with self._lock:
            last = self._seen.get((principal, place))
            if last is not None and timedelta(0) <= now - last < _SEEN_AGAIN:
                return
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[principal, place] = now
        person = self._person(principal)
        is_impossible = False
        with changing(self._database, self._audit, SYSTEM, now) as change:
            counts.add(change.tx, [Key(Scope.SEEN, person, place)], now)
            places = counts.instants(change.tx, Scope.SEEN, person)
            if lockout.is_impossible(places, now):
                is_impossible = True
                src_ip = self._audit.pseudonym("ip", visit.address)
                self._lock_person(change, principal, LockReason.IMPOSSIBLE_CONCURRENCY, src_ip)
                # Or the first session after the lock was lifted would count these once more.
                counts.clear(change.tx, [(Scope.SEEN, person)])
        if is_impossible:
            with self._lock:
                self._seen = {key: at for key, at in self._seen.items() if key[0] != principal}
            raise Locked("the account is locked")

    def disowned(self, principal: PrincipalId, now: datetime, caller: Caller) -> None:
        """Lock a person who says that a sign-on was not theirs, and end all their sessions: the other one's too."""
        with changing(self._database, self._audit, caller, now) as change:
            self._lock_person(change, principal, LockReason.WRONG_DEVICE, None)

    # -- locks -----------------------------------------------------------------------------------

    def locks(self, now: datetime, *, all: bool = False) -> list[Lock]:  # noqa: A002 - reads as what it means
        """Return the locks that hold, or all there ever were, oldest first."""
        self.settle(now)
        with self._database.read() as tx:
            return locks.listed(tx, every=all)

    def lift(
        self, id_: int, caller: Caller, now: datetime, disposition: Disposition | None = None
    ) -> Lock:
        """Let a person, or an address, in again, and say what it was; their counts begin anew.

        Raises:
            NotFound: no such lock.
            Malformed: it has no disposition yet, and none is given.
            Conflict: it does not hold any more.
            Denied: the caller is the locked person, is locked too, or neither administers nor sits at the console.

        """
        self.settle(now)
        refused: Reason | None
        with changing(self._database, self._audit, caller, now) as change:
            lock = locks.one(change.tx, id_, to_change=True)
            refused = self._refusal(change.tx, lock, caller, now)
            if refused is not None:
                change.events.append(_denied(EventType.LOCK_LIFTED, caller, lock, refused))
            elif lock.lifted_at is not None:
                raise Conflict(f"lock {id_} holds nobody any more")
            else:
                locks.lift(change, lock, _given(disposition or lock.disposition), now)
                counts.clear(change.tx, self._counted_of(lock))
                return locks.one(change.tx, id_)
        raise _refuse(id_, refused)

    def dispose(self, id_: int, caller: Caller, now: datetime, disposition: Disposition) -> Lock:
        """Say what a lock was, whether it holds or not.

        Raises:
            NotFound: no such lock.
            Malformed: `expired`, which nobody gives.
            Conflict: somebody said it already.
            Denied: as `lift`.

        """
        self.settle(now)
        refused: Reason | None
        with changing(self._database, self._audit, caller, now) as change:
            lock = locks.one(change.tx, id_, to_change=True)
            refused = self._refusal(change.tx, lock, caller, now)
            if refused is not None:
                change.events.append(_denied(EventType.LOCK_DISPOSED, caller, lock, refused))
            elif lock.disposition not in (None, Disposition.EXPIRED):
                raise Conflict(f"lock {id_} has its disposition")
            else:
                locks.dispose(change, lock, _given(disposition))
                return locks.one(change.tx, id_)
        raise _refuse(id_, refused)

    def settle(self, now: datetime) -> None:
        """Record the locks that ended by themselves, and the refusals that nobody has told yet."""
        with self._database.read() as tx:
            ended = bool(locks.run_out(tx, now))
        if ended:
            with changing(self._database, self._audit, SYSTEM, now) as change:
                for lock in locks.run_out(change.tx, now):
                    locks.lift(change, lock, Disposition.EXPIRED, lock.until or now)
                    counts.clear(change.tx, self._counted_of(lock))
        untold = self._telling.rest(now)
        if untold:
            numbers: dict[tuple[EventType, str], int] = {}
            for (type_, op, _), number in untold.items():
                numbers[type_, op] = numbers.get((type_, op), 0) + number
            events = [_throttled(type_, op, None, n) for (type_, op), n in numbers.items()]
            with self._database.write() as tx:
                self._audit.append(tx, *events, now=now)

    # -- programs --------------------------------------------------------------------------------

    def admit_client(self, address: str, now: datetime, *, client: str | None = None) -> None:
        """Let a program show a credential; one that was wrong is told to `failed_client`.

        `client` is the client id it shows: one program that keeps failing uses up its own tries before those of its
        machine. No budget is shared with other addresses: when everybody's is spent, only addresses that failed wait.

        Raises:
            Throttled: too many failures from this address; recorded here, so the door records nothing more.

        """
        place, pair = self._client(address, client)
        waits = [
            (until - now).total_seconds()
            for target in (place, pair)
            if target is not None
            and (until := self._blocked.get(target)) is not None
            and timedelta(0) < until - now <= lockout.CLIENT_ADDRESS.longest_wait
        ]
        if not waits:
            waits = self._client_waits(place, pair, now)
        if waits:
            src_ip = self._audit.pseudonym("ip", address)
            self._tell(EventType.CREDENTIAL_CHECKED, "client.throttled", src_ip, now)
            raise Throttled("too many failed tries from this address", retry_after=max(waits))

    def failed_client(self, address: str, now: datetime, *, client: str | None = None) -> None:
        """Count a credential of a program that was wrong."""
        place, pair = self._client(address, client)
        keys = [
            Key(Scope.CLIENT_ADDRESS, place).at(now),
            Key(Scope.CLIENTS, _ALL).at(now),
        ]
        if pair is not None:
            keys.append(Key(Scope.CLIENT_ID, pair).at(now))
        with self._database.write() as tx:
            counts.add(tx, keys, now)
            self._prune(tx, now)

    # -- private ---------------------------------------------------------------------------------

    def _check(
        self,
        this: _Try,
        principal: PrincipalId | None,
        others: Mapping[tuple[Scope, str], int],
        now: datetime,
        *,
        known_device: bool,
    ) -> Lock | None:
        """Return the person's lock, where one has run out. Raises: as `admit`."""
        with self._database.read() as tx:
            waits = {
                scope: seconds
                for scope, target in this.budgets
                # Whoever signed on from this browser before is not held by what strangers do.
                if scope is Scope.NAME or not known_device
                if (seconds := counts.wait(tx, scope, target, now, others[scope, target]))
            }
            shut = None if known_device else locks.of_address(tx, this.place)
            lock = locks.of_person(tx, principal or _NOBODY)
        if shut is not None and shut.until is not None and shut.until > now:
            waits[Scope.SPRAY] = (shut.until - now).total_seconds()
        if waits:
            longest = max(waits, key=lambda scope: waits[scope])
            self._tell(EventType.SIGNON_THROTTLED, f"signon.{longest.value}", this.src_ip, now)
            raise Throttled("too many failed tries", retry_after=waits[longest])
        if lock is not None and lock.holds(now):
            with self._database.write() as tx:
                counts.add(tx, _rows(this.budgets, now), now)
            raise Locked("the account is locked")
        return lock

    def _client_waits(self, place: str, pair: str | None, now: datetime) -> list[float]:
        """Return the seconds that an address, or a client id at it, has to wait; and remember until when."""
        with self._database.read() as tx:
            at_place = counts.wait(tx, Scope.CLIENT_ADDRESS, place, now)
            of_pair = None if pair is None else counts.wait(tx, Scope.CLIENT_ID, pair, now)
            if at_place is None and any(counts.by_slice(tx, Scope.CLIENT_ADDRESS, place).values()):
                at_place = counts.wait(tx, Scope.CLIENTS, _ALL, now)
        waits = {
            target: seconds
            for target, seconds in ((place, at_place), (pair, of_pair))
            if target is not None and seconds is not None
        }
        if len(self._blocked) >= _MOST_SEEN:
            self._blocked = {}
        # So that a flood of what is refused anyway does not read the database each time.
        self._blocked |= {target: now + timedelta(seconds=s) for target, s in waits.items()}
        return list(waits.values())

    def _lock_person(
        self, change: Changes, principal: PrincipalId, reason: LockReason, src_ip: str | None
    ) -> None:
        """Lock a person who is not locked; end their sessions where the reason says that somebody else is in."""
        tx, now = change.tx, change.now
        known = locks.of_person(tx, principal)
        hold = lockout.ends_by_itself_after(
            reason, last_administrator=self._is_last_administrator(tx, principal, now)
        )
        until = None if hold is None else now + hold
        if known is not None and known.until is not None and (until is None or known.until <= now):
            # One that would end by itself does not stand in for one that must not, nor an ended one for a new one.
            ended = min(known.until, now)
            locks.lift(change, known, Disposition.EXPIRED, ended)
            known = None
        if known is None:
            target = self._audit.pseudonym("name", lockout.folded(locks.name_of(tx, principal)))
            locks.set_(
                change, reason, target=target, principal=principal, until=until, src_ip=src_ip
            )
        if reason in lockout.ENDS_SESSIONS:
            if self._end_sessions is None:
                raise RuntimeError("nobody was given to end sessions")
            self._end_sessions(change, principal, Reason(reason.value))

    def _lock_address(self, change: Changes, this: _Try) -> None:
        known = locks.of_address(change.tx, this.place)
        if known is not None and known.holds(change.now):
            return
        if known is not None:
            locks.lift(change, known, Disposition.EXPIRED, known.until or change.now)
        hold = lockout.ends_by_itself_after(LockReason.SPRAYING, last_administrator=False)
        until = None if hold is None else change.now + hold
        locks.set_(
            change,
            LockReason.SPRAYING,
            target=this.place,
            principal=None,
            until=until,
            src_ip=this.src_ip,
        )

    def _is_last_administrator(
        self, tx: Transaction, principal: PrincipalId, now: datetime
    ) -> bool:
        """Tell whether nobody else who may administer can sign on now: locked ones lift nothing either."""
        people = frozenset(self._administrators(now))
        others = people - {principal}
        free = (other for other in others if not _is_locked(tx, other, now))
        return principal in people and next(free, None) is None

    def _refusal(self, tx: Transaction, lock: Lock, caller: Caller, now: datetime) -> Reason | None:
        """Return why a caller may not decide about a lock."""
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        at_console = caller.auth is AuthMethod.CONSOLE
        if caller.principal == lock.principal:
            return None if at_console and self._one_person else Reason.SELF_REVIEW
        if at_console:
            return None
        if caller.principal not in self._administrators(now):
            return Reason.NOT_AUTHORIZED
        return Reason.LOCKED if _is_locked(tx, caller.principal, now) else None

    def _counted_of(self, lock: Lock) -> list[tuple[Scope, str]]:
        """Return what has led to a lock: it begins anew once it is lifted."""
        if lock.principal is None:
            return [(Scope.SPRAY, lock.target), (Scope.ADDRESS, lock.target)]
        person = self._person(lock.principal)
        scopes = (Scope.ROW, Scope.FACTORS, Scope.UNFINISHED, Scope.SEEN)
        return [(Scope.NAME, lock.target), *((scope, person) for scope in scopes)]

    def _try(self, name: str, principal: PrincipalId | None, visit: Visit) -> _Try:
        folded = lockout.folded(name)
        typed = self._audit.pseudonym("name", folded)
        return _Try(
            typed if folded else None,
            self._audit.pseudonym("ip", lockout.place(visit.address)),
            typed if principal is None else self._person(principal),
            self._audit.pseudonym("ip", visit.address),
        )

    def _person(self, principal: PrincipalId) -> str:
        return self._audit.pseudonym("principal", str(principal))

    def _client(self, address: str, client: str | None) -> tuple[str, str | None]:
        found = lockout.place(address)
        pair = None if client is None else f"{found} {lockout.folded(client)}"
        place = self._audit.pseudonym("ip", found)
        return place, None if pair is None else self._audit.pseudonym("client-at", pair)

    def _take_off(
        self, budgets: Collection[tuple[Scope, str]], now: datetime
    ) -> dict[tuple[Scope, str], int]:
        """Note a try that begins; return how many others are under way for each of its budgets."""
        found = {}
        with self._lock:
            if len(self._in_flight) >= _MOST_SEEN:
                self._in_flight = {
                    budget: live
                    for budget, begun in self._in_flight.items()
                    if (live := [at for at in begun if now - at < _TRY_TAKES])
                }
            for budget in budgets:
                begun = self._in_flight.get(budget, [])
                live = [at for at in begun if now - at < _TRY_TAKES]
                found[budget] = len(live)
                self._in_flight[budget] = [*live, now]
        return found

    def _land(self, budgets: Collection[tuple[Scope, str]]) -> None:
        """Note that a try is over."""
        with self._lock:
            for budget in budgets:
                begun = self._in_flight.get(budget, [])
                if len(begun) > 1:
                    del begun[0]
                else:
                    self._in_flight.pop(budget, None)

    def _tell(self, type_: EventType, op: str, src_ip: str, now: datetime) -> None:
        """Record a try that was put off; of one address and reason once a minute, with their number."""
        (told_type, told_op, told_ip), number = self._telling.count((type_, op, src_ip), now)
        if number == 0:
            return
        event = _throttled(told_type, told_op, told_ip, number)
        with self._database.write() as tx:
            self._audit.append(tx, event, now=now)

    def _prune(self, tx: Transaction, now: datetime) -> None:
        last = self._pruned_at
        if last is None or not timedelta(0) <= now - last < _PRUNE_EVERY:
            self._pruned_at = now
            counts.prune(tx, now)


def _rows(budgets: Collection[tuple[Scope, str]], now: datetime) -> list[Key]:
    return [Key(scope, target).at(now) for scope, target in budgets]


def _is_locked(tx: Transaction, principal: PrincipalId, now: datetime) -> bool:
    lock = locks.of_person(tx, principal)
    return lock is not None and lock.holds(now)


def _throttled(type_: EventType, op: str, src_ip: str | None, number: int) -> Event:
    return Event(
        type_,
        Outcome.DENIED,
        ANONYMOUS,
        reason=Reason.RATE_LIMITED,
        op=op,
        n=number,
        src_ip=src_ip,
    )


def _denied(type_: EventType, caller: Caller, lock: Lock, reason: Reason) -> Event:
    return Event(
        type_,
        Outcome.DENIED,
        caller,
        reason=reason,
        obj_kind=ObjKind.LOCK,
        obj_ref=str(lock.id),
    )


def _refuse(id_: int, reason: Reason) -> Denied:
    if reason is Reason.SELF_REVIEW:
        return Denied(f"lock {id_} is your own", hint="another person who may administer lifts it")
    return Denied(f"lock {id_} is lifted by another person who may administer, or at the console")


def _given(disposition: Disposition | None) -> Disposition:
    if disposition is None or disposition is Disposition.EXPIRED:
        raise Malformed(
            "a lock needs a disposition",
            hint="one of "
            + ", ".join(d.value for d in Disposition if d is not Disposition.EXPIRED),
        )
    return disposition
