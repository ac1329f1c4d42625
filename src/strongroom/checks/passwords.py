"""Looks at passwords and secrets: what the door takes, who has no second factor, how old each is [1.4]."""

from datetime import datetime
from typing import Final

from strongroom.app import System
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    Check,
    Look,
    count,
    day,
    duties,
    failed,
    passed,
    some,
)
from strongroom.compliance.overseen import Finding
from strongroom.errors import Malformed
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import BASELINE
from strongroom.policy.secrets import SecretState
from strongroom.terms import PrincipalKind

_SHORT: Final = ("Wq7!vH", "Wq7!vHb")
_POOR: Final = {
    "upper case": "wq7!velvet-harbour",
    "lower case": "WQ7!VELVET-HARBOUR",
    "a digit": "Wq!velvet-Harbour",
    "a special character": "Wq7velvetHarbour",
}
_GUESSED: Final = ("Password123456!", "Strongroom2026!")
_NAME: Final = "duty-check"


def refused(what: str, tries: tuple[str, ...]) -> Look:
    """Return what looks whether the home's own door refuses each of these passwords."""

    def look(system: System, now: datetime) -> Finding:
        taken = sum(not _refuses(system, password, now) for password in tries)
        profile = system.passwords.profile
        if taken:
            why = f"{taken} of {len(tries)} passwords taken that {what}"
            return failed(why, "set access.profile to `current`, or report it: a fault of ours")
        rules = f"profile {profile.name}: {profile.shortest} characters, {profile.classes} kinds"
        return passed(f"passwords that {what} are refused: {len(tries)} tried", rules)

    return look


def factors(system: System, now: datetime) -> Finding:
    """See that the profile is none below the policy, and everybody it asks for a second factor has one."""
    profile = system.passwords.profile
    if profile.shortest < BASELINE.shortest or profile.lifetime > BASELINE.lifetime:
        return failed("the profile asks for less than the policy", "set access.profile")
    without = system.signon.without_factor(now) if profile.second_factor else []
    if without:
        why = f"{count(len(without), 'person', 'people')} with a password and no second factor"
        return failed(why, "`strongroom user invite NAME`", f"principals {some(without)}")
    return passed(f"profile {profile.name}, and everybody has what it asks for")


def ages(system: System, now: datetime) -> Finding:
    """See that nobody's password and no program's secret is older than a quarter."""
    people = [
        person
        for person in system.accounts.listed(PrincipalKind.PERSON)
        if not has_ended(person.ended_at, now)
    ]
    due = {person.id: system.passwords.due_at(person.id) for person in people}
    late = [id_ for id_, at in due.items() if at is not None and at <= now]
    ends: list[datetime] = [at for at in due.values() if at is not None]
    for kind in (PrincipalKind.APP, PrincipalKind.NODE):
        for machine in system.accounts.listed(kind):
            if has_ended(machine.ended_at, now):
                continue
            held = [one.ends_at for one in system.accounts.holdings(machine.name).secrets]
            if held and max(held) <= now:
                late.append(machine.id)
            ends += [max(held)] if held else []
    if late:
        why = (
            f"{count(len(late), 'password or secret', 'passwords or secrets')} older than a quarter"
        )
        remedy = "sign on and choose a new one; `strongroom app rotate`"
        return failed(why, remedy, f"principals {some(late)}")
    if not ends:
        return passed("nobody has a password or secret yet", "0 credentials")
    return passed(f"{count(len(ends), 'credential')}, the next due on {day(min(ends))}")


def system_secrets(system: System, now: datetime) -> Finding:
    """See that no secret of the installation itself is past its day: Amazon's, the databases', the passphrase."""
    found = system.secrets.ages()
    late = sorted(one.name for one in found if one.state(now) is SecretState.LATE)
    if late:
        why = f"{count(len(late), 'secret')} of the installation late: {some(late)}"
        return failed(why, "`strongroom secret list` shows how to rotate each")
    return passed(f"{count(len(found), 'secret')} of the installation, none past its day")


def _refuses(system: System, password: str, now: datetime) -> bool:
    try:
        system.passwords.prepare(None, password, name=_NAME, now=now)
    except Malformed:
        return True
    return False


CHECKS: Final = (
    Check(
        "passwords.length",
        duties("1.4-b"),
        DAILY,
        "the door that takes new passwords, with some that are too short",
        "it refuses each",
        refused("are too short", _SHORT),
    ),
    Check(
        "passwords.kinds",
        duties("1.4-c"),
        DAILY,
        "the same door, with passwords that each lack one kind of character",
        "it refuses each",
        refused("lack a kind of character", tuple(_POOR.values())),
    ),
    Check(
        "passwords.guessed",
        duties("1.4-a"),
        DAILY,
        "the same door, with passwords that are guessed first",
        "it refuses each",
        refused("are guessed first", _GUESSED),
    ),
    Check(
        "passwords.factors",
        duties("1.4-a"),
        HOURLY,
        "the profile, and who has a password and nothing beside it",
        "the profile asks for no less than the policy, and everybody keeps it",
        factors,
    ),
    Check(
        "passwords.age",
        duties("1.4-d"),
        HOURLY,
        "the age of each person's password and each program's newest secret",
        "each is younger than a quarter",
        ages,
    ),
    Check(
        "secrets.age",
        duties("1.4-d"),
        HOURLY,
        "the age of each secret of the installation",
        "none is past its day",
        system_secrets,
    ),
)
