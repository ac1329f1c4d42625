"""A home with something on every page of the desk, made through the rooms that make it in daily work."""

from __future__ import annotations

from datetime import timedelta

from strongroom.alarms import AlarmKind, Response, Severity, Signal
from strongroom.feeds.destinations import Webhook
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role
from strongroom.terms import Action, Category, Purpose
from strongroom.vault import LwaCredentials, Wish
from tests.support.pages import DeskHome, Member

MONTH = timedelta(days=30)


def fill(home: DeskHome, member: Member) -> None:
    """Put an app with grants, alarms, destinations and a second person into a home of one administrator."""
    system, now, console = home.system, home.now, home.console
    system.accounts.add_person("grace", caller=console, now=now, credential=True)
    system.accounts.add_app("erp", member.name, caller=console, now=now)
    system.accounts.add_app("labels", member.name, caller=console, now=now)
    system.sellers.add(
        console,
        name="acme",
        region="eu",
        marketplaces=("A1PA6795UKMFR9",),
        credentials=LwaCredentials("amzn1.application-oa2-client.1", "secret", "Atzr|token"),
        now=now,
    )
    _let(home, member, "ada", Action.OVERSEE, Purpose.FULFILMENT, *Category)
    _let(home, member, "erp", Action.REVEAL, Purpose.FULFILMENT, Category.NAME, Category.PHONE)
    _let(home, member, "labels", Action.RELAY, Purpose.FULFILMENT, Category.ADDRESS)
    wish = _wish(home, "grace", Action.SEARCH, Purpose.SUBJECT_REQUEST, Category.EMAIL)
    system.grants.request(console, [wish], now)
    party = Party("labels.example", 443, "/v1", (Category.ADDRESS,), (Purpose.FULFILMENT,))
    system.targets.request_add(Role.PARTY, "labels", party, console, now)
    hook = Webhook("https://alarms.example/hook", None, None, '{"text": "${text}"}', None)
    system.targets.request_add(Role.CHANNEL, "night", hook, console, now)
    _alarm(home, AlarmKind.UNAUTHORIZED_CALLS, Severity.HIGH, 34, timedelta(minutes=20))
    _alarm(home, AlarmKind.NEW_DESTINATION, Severity.MEDIUM, 1, timedelta(hours=30))
    system.alarms.drills.run([AlarmKind.SLOW_DRAIN], console, now, lambda _done, _all: None)


def _wish(
    home: DeskHome, name: str, action: Action, purpose: Purpose, *categories: Category
) -> Wish:
    who = home.system.accounts.find(name).id
    return Wish(who, action, purpose, frozenset(categories), None, MONTH, reason="daily work")


def _let(
    home: DeskHome,
    member: Member,
    name: str,
    action: Action,
    purpose: Purpose,
    *categories: Category,
) -> None:
    """Have the console ask, and the member agree on the page of the grant; nobody else could for their own."""
    system = home.system
    (row,) = system.grants.request(
        home.console, [_wish(home, name, action, purpose, *categories)], home.now
    )
    if name == member.name or system.accounts.find(name).owner == member.name:
        approver = system.accounts.console("otto", home.now)
    else:
        approver = system.accounts.console(member.name, home.now)
    system.grants.approve(approver, row.grant.id, home.now)


def _alarm(home: DeskHome, kind: AlarmKind, severity: Severity, count: int, ago: timedelta) -> None:
    at = home.now - ago
    signal = Signal(
        kind,
        severity,
        Response.NOTIFY,
        f"{kind.value}:one:{count}",
        at,
        target="app 7",
        count=count,
        evidence=(1, 2, 3),
    )
    home.system.alarms.outside.raise_outside(signal, at)
