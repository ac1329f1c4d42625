"""Slows down addresses from which programs show what is wrong, and nobody else [1.2].

A client id is no secret: whoever knows an app's could lock the app out if failures counted against it. So they count
against the address alone, in the database, so that a restart forgives nothing. Tokens are counted apart from secrets,
and only once they turned out wrong: an app behind a throttled address goes on with a good token. Nothing here compares
a secret.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from strongroom.accounts import counts
from strongroom.accounts.counts import EVERYBODY, Key, Scope
from strongroom.accounts.telling import Refused, Telling
from strongroom.audit import AuditLog, Event, EventType, Reason
from strongroom.db.engine import Database
from strongroom.errors import Throttled
from strongroom.policy import lockout

_MOST_BLOCKED: Final = 4096

_Target = tuple[Scope, str]


class ClientGuard:
    """The guard before apps and nodes. Safe between threads; what was counted is durable on return."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._telling = Telling(audit)
        self._blocked: Mapping[_Target, datetime] = {}

    def admit(self, address: str, now: datetime, *, client: str | None = None) -> None:
        """Let a program show a client secret; one that is wrong is told to `failed`.

        `client` is the client id it shows: a program that keeps failing uses up its own tries before those of its
        machine. When the tries of everybody are spent, only addresses wait that failed themselves.

        Raises:
            Throttled: too many failures from this address; recorded here, so the door records nothing more.

        """
        place = self._place(address)
        targets = [(Scope.CLIENT_ADDRESS, place)]
        if client is not None:
            targets.append((Scope.CLIENT_ID, self._pair(address, client)))
        self._refuse_spent(targets, Scope.CLIENTS, address, now)

    def failed(self, address: str, now: datetime, *, client: str | None = None) -> None:
        """Count a client secret that was wrong, or a request for a token that was none."""
        keys = [Key(Scope.CLIENT_ADDRESS, self._place(address)), Key(Scope.CLIENTS, EVERYBODY)]
        if client is not None:
            keys.append(Key(Scope.CLIENT_ID, self._pair(address, client)))
        self._add(keys, now)

    def refuse_stranger(self, address: str, now: datetime) -> None:
        """Count a request that proved nothing, with a wrong token or none; the door then refuses and records it.

        Raises:
            Throttled: there were too many from this address; recorded here, so the door records nothing more.

        """
        place = self._place(address)
        self._refuse_spent([(Scope.BEARER_ADDRESS, place)], Scope.BEARERS, address, now)
        self._add([Key(Scope.BEARER_ADDRESS, place), Key(Scope.BEARERS, EVERYBODY)], now)

    def refuse_late(self, event: Event, now: datetime) -> None:
        """Record the refusal of an expired token, those of a minute as a number.

        It slows nobody down: every app has one once an hour.
        """
        self._telling.refuse(Refused.of(event), now)

    def settle(self, now: datetime) -> None:
        """Record what was put off and is not told yet; call it now and then."""
        self._telling.settle(now)

    def _refuse_spent(
        self, targets: Sequence[_Target], everybody: Scope, address: str, now: datetime
    ) -> None:
        # So that a flood of what is refused anyway does not read the database each time.
        waits = [
            (until - now).total_seconds()
            for target in targets
            if (until := self._blocked.get(target)) is not None
            and timedelta(0) < until - now <= lockout.CLIENT_ADDRESS.longest_wait
        ]
        waits = waits or self._waits(targets, everybody, now)
        if waits:
            src_ip = self._audit.pseudonym("ip", address)
            op = f"{targets[0][0].value}.throttled"
            refused = Refused(EventType.CREDENTIAL_CHECKED, op, Reason.RATE_LIMITED, src_ip)
            self._telling.refuse(refused, now)
            raise Throttled("too many failed tries from this address", retry_after=max(waits))

    def _waits(self, targets: Sequence[_Target], everybody: Scope, now: datetime) -> list[float]:
        """Return the seconds that each of the spent targets has to wait; and remember until when."""
        place = targets[0]
        waits: dict[_Target, float] = {}
        with self._database.read() as tx:
            for target in targets:
                seconds = counts.wait(tx, *target, now)
                if seconds is None and target == place and counts.has_any(tx, [place], now):
                    seconds = counts.wait(tx, everybody, EVERYBODY, now)
                if seconds is not None:
                    waits[target] = seconds
        if waits:
            kept = self._blocked if len(self._blocked) < _MOST_BLOCKED else {}
            until = {target: now + timedelta(seconds=seconds) for target, seconds in waits.items()}
            self._blocked = {**kept, **until}
        return list(waits.values())

    def _add(self, keys: Sequence[Key], now: datetime) -> None:
        with self._database.write() as tx:
            counts.add(tx, [key.at(now) for key in keys], now)

    def _place(self, address: str) -> str:
        return self._audit.pseudonym("ip", lockout.place(address))

    def _pair(self, address: str, client: str) -> str:
        """Return the pseudonym of a client id at an address."""
        return self._audit.pseudonym(
            "client-at", f"{lockout.place(address)} {lockout.folded(client)}"
        )
