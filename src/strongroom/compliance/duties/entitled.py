"""Who may speak for a duty: its office's holder or deputy, or an administrator; always somebody active [1.6, 3]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from strongroom.compliance.overseen import Office
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

Active = Callable[[datetime], Mapping[PrincipalId, str]]
"""Returns the people who are there at an instant, with their names: none who left, is locked or suspended."""

Holders = Callable[[Office, datetime], frozenset[PrincipalId]]
"""Returns who may act for an office at an instant: its holder and its deputy."""

Administrators = Callable[[datetime], frozenset[PrincipalId]]


@dataclass(frozen=True, slots=True)
class Entitled:
    """Asked before anything is written."""

    active: Active
    holders: Holders
    administrators: Administrators
    one_person: bool

    def may_speak(self, caller: Caller, office: Office, now: datetime) -> bool:
        """Tell whether a caller may state something for an office."""
        if caller.kind is not PrincipalKind.PERSON or caller.principal not in self.active(now):
            return False
        # Who sits at the machine of a home of one person is that person.
        at_machine = self.one_person and caller.auth is AuthMethod.CONSOLE
        return (
            at_machine
            or caller.principal in self.administrators(now)
            or caller.principal in self.holders(office, now)
        )

    def may_approve(self, caller: Caller, office: Office, now: datetime) -> bool:
        """Tell whether a caller may approve an excuse of an office's duty: also who answers for all of security."""
        answering = (office, Office.EXECUTIVE, Office.SECURITY_OWNER)
        return any(self.may_speak(caller, one, now) for one in answering)
