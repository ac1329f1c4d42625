"""A home that nobody serves, opened by the package itself, to ask the vault for many values at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from strongroom.app import System
from strongroom.errors import Gone, NotFound
from strongroom.opening import open_system
from strongroom.terms import Action, Caller, Category, Purpose, Scalar, SellerId
from strongroom.vault import Revealed
from tests.support.home import App, Home

_PURPOSE = Purpose.SUBJECT_REQUEST
"""It reaches every value, whatever that serves."""


@dataclass(frozen=True)
class Opened:
    """An open home as one app sees it, at one instant."""

    system: System
    caller: Caller
    seller: SellerId
    now: datetime

    def order(self, order_id: str) -> list[Revealed] | None:
        """Return every value of an order; None where its day has come.

        Raises: NotFound.
        """
        try:
            return self.system.vault.reveal_order(
                self.caller, self.seller, order_id, purpose=_PURPOSE, now=self.now
            )
        except Gone:
            return None

    def values(self, order_ids: list[str]) -> dict[str, Scalar]:
        """Return token -> value of all orders that have any."""
        found: dict[str, Scalar] = {}
        for order_id in order_ids:
            try:
                revealed = self.order(order_id) or []
            except NotFound:
                continue
            found |= {one.token: one.value.unwrap() for one in revealed}
        return found

    def value(self, token: str) -> Scalar:
        """Return the value of one token. Raises: Gone, NotFound, Denied."""
        revealed = self.system.vault.reveal(self.caller, token, purpose=_PURPOSE, now=self.now)
        return revealed.value.unwrap()


@contextmanager
def opened(home: Home, app: App, *, now: datetime | None = None) -> Iterator[Opened]:
    """Open a stopped home for the block, at `now` or else some time after the home's own instant."""
    # Its clock ran while it was served, and a grant of then must not lie in the future.
    at = now or (home.now and home.now + timedelta(minutes=15))
    system = open_system(home.path, starts_at=at, environ=home.environment())
    try:
        instant = at or system.clock()
        caller = system.accounts.check_client(app.client_id, app.client_secret, instant)
        system.grants.add(
            system.accounts.console("ada", instant),
            principal=caller.principal,
            action=Action.REVEAL,
            purpose=_PURPOSE,
            categories=frozenset(Category),
            sellers=None,
            lifetime=timedelta(days=1),
            now=instant,
        )
        yield Opened(system, caller, system.sellers.by_name(app.seller).id, instant)
    finally:
        system.close()
