"""The house's documents in tests: people who oversee, and documents on their way."""

from __future__ import annotations

import re
from datetime import timedelta

from strongroom.terms import Action, Category, Purpose
from tests.support.pages import Member, Page


def overseer(first: Member, name: str = "ben") -> Member:
    """Let another person in who oversees: the console asks, the first administrator approves."""
    home = first.browser.home
    other = home.member(name)
    system, now = home.system, home.now
    row = system.grants.add(
        home.console,
        principal=system.accounts.find(name).id,
        action=Action.OVERSEE,
        purpose=Purpose.INCIDENT,
        categories=frozenset({Category.NAME}),
        sellers=None,
        lifetime=timedelta(days=90),
        now=now,
    )
    system.grants.approve(system.accounts.console("paul", now), row.grant.id, now)
    return other


def filled_in(member: Member, slug: str, value: str = "Example Ltd") -> Page:
    """Begin a draft and fill in all its blanks, if it has any."""
    browser = member.browser
    page = browser.submit(browser.get(f"/documents/{slug}"), f"/documents/{slug}/begin")
    names = re.findall(r'name="(blank-[a-z_]+)"', page.body)
    if not names:
        return page
    action = f"{page.path}/fill"
    return browser.post(action, page.form(action) | dict.fromkeys(names, value))


def approved(author: Member, approver: Member, slug: str) -> Page:
    """Bring a document from our own text to where it holds."""
    page = filled_in(author, slug)
    page = author.browser.submit(page, f"{page.path}/submit")
    approver.prove("documents")
    seen = approver.browser.get(page.path)
    return approver.browser.submit(seen, f"{page.path}/approve")


def acknowledged(member: Member, slug: str) -> Page:
    """Have a person read and acknowledge what holds."""
    page = member.browser.get(f"/documents/{slug}")
    action = next(a for a in re.findall(r'action="([^"]+)"', page.body) if "acknowledge" in a)
    return member.browser.submit(page, action)
