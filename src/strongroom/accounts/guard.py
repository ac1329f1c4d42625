"""Slows guessing down, locks out, and notices sessions that can't be one person's [1.2].

Tries are counted by typed name, by place and for everybody, whether or not the name is anybody's, so that neither
waiting nor a lock tells who has an account. Counts and locks are in the database: a restart forgives nothing. A lock
is lifted by another person who may administer, or at the console, never by its own person, and each gets a disposition.
What programs get wrong is in `clients.py`. The numbers are in `policy/limits.py`, the rules in `policy/lockout.py`.
Nothing here compares a secret.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.accounts import counts, lock_rows
from strongroom.accounts.changes import Changes, changing
from strongroom.accounts.clients import ClientGuard
from strongroom.accounts.counts import EVERYBODY, Key, Scope
from strongroom.accounts.lock_rows import Lock, Locked, LockScope
from strongroom.accounts.locks import EndSessions, Locks
from strongroom.accounts.telling import Refused, Telling
from strongroom.accounts.visits import Visit
from strongroom.audit import AuditLog, EventType, Reason
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Throttled
from strongroom.policy import lockout
from strongroom.policy.lockout import Disposition, LockReason
from strongroom.terms import SYSTEM, Caller, PrincipalId

__all__ = ["Disposition", "EndSessions", "Guard", "Lock", "LockReason", "LockScope", "Locked"]

Budget = tuple[Scope, str]
"""What a try draws on: a scope, and whose."""

_TRY_TAKES: Final = timedelta(minutes=1)
_PRUNE_EVERY: Final = timedelta(hours=1)
_SEEN_AGAIN: Final = timedelta(minutes=1)
_MOST_SEEN: Final = 4096
_NOBODY: Final = PrincipalId(0)


@dataclass(frozen=True, slots=True)
class _Try:
    """One try, as it is counted: pseudonyms only."""

    name: str | None
    device: str | None
    """Of name and device cookie together; of name and place where no cookie was shown."""
    place: str
    person: str
    src_ip: str

    @property
    def budgets(self) -> list[Budget]:
        """All that it draws on."""
        own = ((Scope.NAME, self.name), (Scope.DEVICE, self.device))
        named = [(scope, target) for scope, target in own if target is not None]
        return [*named, (Scope.ADDRESS, self.place), (Scope.EVERYBODY, EVERYBODY)]

    def held_by(self, *, known_device: bool) -> list[Budget]:
        """Return what it waits for: on a device that its person signed on from, nothing that strangers can spend."""
        return [budget for budget in self.budgets if (budget[0] is Scope.DEVICE) is known_device]


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
        self._locks = Locks(database, audit, administrators, one_person=one_person)
        self._telling = Telling(audit)
        self.clients = ClientGuard(database, audit)
        self._lock = threading.Lock()
        self._in_flight: dict[Budget, list[datetime]] = {}
        self._seen: dict[tuple[PrincipalId, str], datetime] = {}
        self._pruned_at: datetime | None = None

    def ends_sessions_with(self, end: EndSessions) -> None:
        """Have `end` called, inside its transaction, for a lock that says that somebody else is in."""
        self._locks.ends_sessions_with(end)

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
        signed on with this device cookie before, or shows a passkey, which nobody guesses; such a try is held only by
        what failed with the same cookie and by the person's lock, so that strangers put nobody off who was here.
        Tries under way count as failed ones, so that many at once gain nothing.

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
                    self._locks.set_person(change, principal, reason, this.src_ip)
                if lockout.is_spraying(counts.instants(change.tx, Scope.SPRAY, this.place), now):
                    self._locks.set_address(change, this.place, this.src_ip)
                self._prune(change.tx, now)
        finally:
            self._land(this.budgets)

    def put_off(
        self, name: str, principal: PrincipalId | None, visit: Visit, now: datetime
    ) -> None:
        """Record that an admitted try could not be made, because too many others were; it does not count as one."""
        this = self._try(name, principal, visit)
        self._land(this.budgets)
        refused = Refused(
            EventType.SIGNON_THROTTLED, "signon.busy", Reason.RATE_LIMITED, this.src_ip
        )
        self._telling.refuse(refused, now)

    def unfinished(self, principal: PrincipalId, visit: Visit, now: datetime) -> None:
        """Count a right password whose second factor is still missing; so many of them lock the person."""
        with changing(self._database, self._audit, SYSTEM, now) as change:
            this = self._try(lock_rows.name_of(change.tx, principal), principal, visit)
            counts.add(change.tx, [Key(Scope.UNFINISHED, this.person).at(now, this.place)], now)
            if counts.wait(change.tx, Scope.UNFINISHED, this.person, now) is not None:
                self._locks.set_person(change, principal, LockReason.FACTOR_FATIGUE, this.src_ip)
        self._land(this.budgets)

    def succeeded(self, name: str, principal: PrincipalId, visit: Visit, now: datetime) -> None:
        """Forget the failures of a person who signed on or proved again who they are."""
        this = self._try(name, principal, visit)
        self._land(this.budgets)
        forgotten = [(Scope.ROW, this.person), (Scope.FACTORS, this.person)]
        own = ((Scope.NAME, this.name), (Scope.DEVICE, this.device))
        forgotten += [(scope, target) for scope, target in own if target is not None]
        with self._database.write() as tx:
            counts.clear(tx, forgotten)
            # Only their own: what somebody else began elsewhere still counts.
            counts.take_back(tx, Key(Scope.UNFINISHED, this.person, this.place), now)
            counts.add(tx, [Key(Scope.SEEN, this.person, this.place)], now)

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
                self._locks.set_person(change, principal, LockReason.IMPOSSIBLE_CONCURRENCY, src_ip)
                # Or the first session after the lock was lifted would count these once more.
                counts.clear(change.tx, [(Scope.SEEN, person)])
        if is_impossible:
            with self._lock:
                self._seen = {key: at for key, at in self._seen.items() if key[0] != principal}
            raise Locked("the account is locked")

    def disowned(self, principal: PrincipalId, now: datetime, caller: Caller) -> None:
        """Lock a person who says that a sign-on was not theirs, and end all their sessions: the other one's too."""
        with changing(self._database, self._audit, caller, now) as change:
            self.disowned_in(change, principal)

    def disowned_in(self, change: Changes, principal: PrincipalId) -> None:
        """Do as `disowned` does, within a transaction of the caller's."""
        self._locks.set_person(change, principal, LockReason.WRONG_DEVICE, None)

    # -- links and programs ----------------------------------------------------------------------

    def admit_client(self, address: str, now: datetime) -> None:
        """Let an address show a one-time link or a secret of a program. Raises: Throttled, recorded here."""
        self.clients.admit(address, now)

    def failed_client(self, address: str, now: datetime) -> None:
        """Count a link or a secret that was wrong, against the address alone."""
        self.clients.failed(address, now)

    # -- locks -----------------------------------------------------------------------------------

    def locks(self, now: datetime, *, all: bool = False) -> list[Lock]:  # noqa: A002 - says what it means
        """Return the locks that hold or lack a disposition, or all there ever were, oldest first."""
        return self._locks.listed(now, every=all)

    def is_locked(self, principal: PrincipalId, now: datetime) -> bool:
        """Tell whether a lock holds a person."""
        return self._locks.is_locked(principal, now)

    def lift(
        self, id_: int, caller: Caller, now: datetime, disposition: Disposition | None = None
    ) -> Lock:
        """Let a person, or an address, in again, and say what it was. Raises: as `Locks.lift`."""
        return self._locks.lift(id_, caller, now, disposition)

    def dispose(self, id_: int, caller: Caller, now: datetime, disposition: Disposition) -> Lock:
        """Say what a lock was, whether it holds or not. Raises: as `Locks.dispose`."""
        return self._locks.dispose(id_, caller, now, disposition)

    def sign_off(self, principal: PrincipalId | None, caller: Caller, now: datetime) -> int:
        """End the sessions of a person, or of everybody; return of how many people. Raises: as `Locks.sign_off`."""
        return self._locks.sign_off(principal, caller, now)

    def settle(self, now: datetime) -> None:
        """Record what ended by itself and what was put off, and drop old counts; call it now and then."""
        self._locks.settle(now)
        self._telling.settle(now)
        self.clients.settle(now)
        if self._is_prune_due(now):
            with self._database.write() as tx:
                self._prune(tx, now)

    # -- private ---------------------------------------------------------------------------------

    def _check(
        self,
        this: _Try,
        principal: PrincipalId | None,
        others: Mapping[Budget, int],
        now: datetime,
        *,
        known_device: bool,
    ) -> Lock | None:
        """Return the person's lock, where one has run out. Raises: as `admit`."""
        with self._database.read() as tx:
            waits = {
                scope: seconds
                for scope, target in this.held_by(known_device=known_device)
                if (seconds := counts.wait(tx, scope, target, now, others[scope, target]))
            }
            shut = None if known_device else lock_rows.of_address(tx, this.place)
            lock = lock_rows.of_person(tx, principal or _NOBODY)
        if shut is not None and shut.until is not None and shut.until > now:
            waits[Scope.SPRAY] = (shut.until - now).total_seconds()
        if waits:
            longest = max(waits, key=lambda scope: waits[scope])
            refused = Refused(
                EventType.SIGNON_THROTTLED,
                f"signon.{longest.value}",
                Reason.RATE_LIMITED,
                this.src_ip,
            )
            self._telling.refuse(refused, now)
            raise Throttled("too many failed tries", retry_after=waits[longest])
        if lock is not None and lock.holds(now):
            with self._database.write() as tx:
                counts.add(tx, _rows(this.budgets, now), now)
            raise Locked("the account is locked")
        return lock

    def _try(self, name: str, principal: PrincipalId | None, visit: Visit) -> _Try:
        folded = lockout.folded(name)
        typed = self._audit.pseudonym("name", folded)
        place = lockout.place(visit.address)
        # A browser without the cookie, as a passkey may come from, is told apart by its place: none tries without end.
        device = f"{folded} {visit.device or place}"
        return _Try(
            typed if folded else None,
            self._audit.pseudonym("device-of", device) if folded else None,
            self._audit.pseudonym("ip", place),
            typed if principal is None else self._person(principal),
            self._audit.pseudonym("ip", visit.address),
        )

    def _person(self, principal: PrincipalId) -> str:
        return self._audit.pseudonym("principal", str(principal))

    def _take_off(self, budgets: Collection[Budget], now: datetime) -> dict[Budget, int]:
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

    def _land(self, budgets: Collection[Budget]) -> None:
        """Note that a try is over."""
        with self._lock:
            for budget in budgets:
                begun = self._in_flight.get(budget, [])
                if len(begun) > 1:
                    del begun[0]
                else:
                    self._in_flight.pop(budget, None)

    def _is_prune_due(self, now: datetime) -> bool:
        last = self._pruned_at
        return last is None or not timedelta(0) <= now - last < _PRUNE_EVERY

    def _prune(self, tx: Transaction, now: datetime) -> None:
        if self._is_prune_due(now):
            self._pruned_at = now
            counts.prune(tx, now)


def _rows(budgets: Collection[Budget], now: datetime) -> list[Key]:
    return [Key(scope, target).at(now) for scope, target in budgets]
