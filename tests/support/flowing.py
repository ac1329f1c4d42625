"""People at the desk with what they were granted, and orders of a selling partner in the vault."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from strongroom.policy.sighting import SlotKey
from strongroom.terms import Action, AuthMethod, Caller, Category, Purpose, Scalar, SellerId
from strongroom.vault import LwaCredentials
from strongroom.vault.granted import Wish
from tests.support.pages import DeskHome, Member
from tests.vault.conftest import CITY, EMAIL, LINE_1, NAME, PHONE, order

WHO, WHERE, MAIL = "Jürgen Groß", "Hauptstraße 5", "j.gross@example.net"
ORDER = "902-1000001-0000001"
_BUYER = 17
SLOTS: dict[SlotKey, Scalar] = {
    NAME: WHO,
    LINE_1: WHERE,
    CITY: "Köln",
    PHONE: "+49 221 1",
    EMAIL: MAIL,
    _BUYER: WHO,
}
"""What one order is about: none of it may be on a page but where it is revealed."""


def caller_of(member: Member) -> Caller:
    """Return a member as a door of ours sees them."""
    person = member.browser.home.system.accounts.find(member.name)
    return Caller(person.id, person.kind, person.name, AuthMethod.SESSION)


def give(
    home: DeskHome,
    name: str,
    action: Action,
    purpose: Purpose = Purpose.AMAZON_REQUEST,
    categories: Collection[Category] | None = None,
    budget: int | None = None,
) -> int:
    """Give somebody a grant for every selling partner: one at the machine asks, another one approves."""
    grants, accounts = home.system.grants, home.system.accounts
    wish = Wish(
        accounts.find(name).id,
        action,
        purpose,
        frozenset(Category if categories is None else categories),
        None,
        timedelta(days=60),
        budget=budget,
    )
    (row,) = grants.request(home.console, [wish], home.now)
    if row.state(home.now) == "pending":
        grants.approve(accounts.console("otto", home.now), row.grant.id, home.now)
    return row.grant.id


def overseer(home: DeskHome, name: str) -> Member:
    """Invite a person who oversees."""
    member = home.member(name)
    give(home, name, Action.OVERSEE)
    return member


def seller(home: DeskHome, name: str = "acme") -> SellerId:
    """Add a selling partner."""
    added = home.system.sellers.add(
        home.console,
        name=name,
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("client", "secret", "refresh"),
        now=home.now,
    )
    return added.id


def orders(home: DeskHome, partner: SellerId, count: int = 1) -> list[str]:
    """Put orders of the same person into the vault; return the token of each one's name."""
    seen = [
        order(f"902-{1000000 + n}-0000001", SLOTS, purchased=home.now - timedelta(days=1))
        for n in range(1, count + 1)
    ]
    placed = home.system.vault.put(
        partner, seen, caller=home.console, op="ordersV0.getOrders", now=home.now
    )
    return [place.token(NAME) for place in placed]
