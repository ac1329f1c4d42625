"""Changes in tests: a machine that says of storage what the test says, named people, evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from strongroom.compliance.evidence_rows import Belongs
from strongroom.terms import AuthMethod, Caller, PrincipalKind
from tests.support.pages import DeskHome, Member


@dataclass
class Facts:
    """What a machine says of storage."""

    now: dict[str, str] = field(
        default_factory=lambda: {
            "home.device": "/dev/vda1",
            "home.filesystem": "ext4",
            "home.volume": "5eed",
            "database.device": "/dev/vda1",
            "database.engine": "sqlite",
            "machine.system": "debian 12",
        }
    )


def facts_of(home: DeskHome) -> Facts:
    """Have a home's machine say what the answer holds."""
    facts = Facts()
    home.system.assurance.changes._facts = lambda: facts.now
    return facts


def caller_of(member: Member) -> Caller:
    """Return a person as the rooms know them."""
    person = member.browser.home.system.accounts.find(member.name)
    return Caller(person.id, PrincipalKind.PERSON, member.name, AuthMethod.SESSION)


def named(first: Member, second: Member, name: str) -> None:
    """Put a person on the list of who may change storage: one asks, a third one approves."""
    home = first.browser.home
    administrators = home.system.assurance.changes.administrators
    place = administrators.name(caller_of(second), name, home.now)
    administrators.approve(home.console, place.id, home.now)


def evidence(home: DeskHome) -> int:
    """Keep a file in the evidence store; return its number."""
    store = home.system.compliance.evidence
    item = store.put(
        b"the copy opened", "test.txt", "text/plain", Belongs("change", "1"), home.console, home.now
    )
    return item.id
