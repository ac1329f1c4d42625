"""What a rule may say: each case with its severity and response, and the signal made of it [2.6].

Pure. docs/alarms.md lists the cases, and a test holds that page and the runbooks to them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.terms import PrincipalId

MOST_EVIDENCE: Final = 20
_NOBODY: Final = PrincipalId(0)


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which a rule fires."""

    kind: AlarmKind
    name: str
    """Part of the signal's key, and so of which open alarm it belongs to."""
    severity: Severity
    response: Response
    when: str
    """One sentence for docs/alarms.md; names of parameters are in backquotes."""

    def signal(
        self,
        at: datetime,
        *,
        principal: PrincipalId | None = None,
        target: str | None = None,
        count: int = 1,
        evidence: Iterable[int] = (),
    ) -> Signal:
        """Return a sign of it. Where nobody proved who they were, nobody is concerned: only `target` tells."""
        whose = None if principal == _NOBODY else principal
        about = target if whose is None else str(whose)
        return Signal(
            self.kind,
            self.severity,
            self.response,
            f"{self.kind.value}:{self.name}:{about or 'home'}",
            at,
            principal=whose,
            target=target,
            count=count,
            evidence=tuple(evidence)[-MOST_EVIDENCE:],
        )
