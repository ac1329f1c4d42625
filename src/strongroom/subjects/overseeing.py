"""What subject requests tell of the duty they serve: whether each is answered by the day its law gives [2.2]."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.subjects.requests import Requests
from strongroom.subjects.store import SubjectRequest

RIGHTS: Final = DutyId("2.2-g")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class RequestsOverseen:
    """The requests' part in keeping duties."""

    requests: Requests

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return whether somebody waits for longer than a law allows."""
        every = self.requests.all()
        waiting = [one for one in every if one.replied_at is None and one.closed_at is None]
        late = [one for one in waiting if now >= one.due_at]
        counted = f"{len(every)} requests, {len(waiting)} unanswered"
        if late:
            return {
                RIGHTS: Finding(
                    Verdict.FAIL,
                    f"past the day of their law: {_named(late)}",
                    (counted,),
                    "answer with what is ready, and write why the rest is late",
                )
            }
        why = "every request is answered, or the day of its law is to come"
        return {RIGHTS: Finding(Verdict.PASS, why if every else "nobody asked", (counted,))}

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return the clocks of open requests."""
        del now
        for one in self.requests.all():
            if one.closed_at is None:
                act = "Answer" if one.replied_at is None else "Close"
                yield Due(
                    f"{act} request {one.id} ({one.kind.value}, {one.law.name.replace('_', ' ')})",
                    f"/requests/{one.id}",
                    one.due_at,
                    Office.PRIVACY_OWNER,
                    one.handler,
                    RIGHTS,
                    one.received_at,
                )


def _named(late: list[SubjectRequest]) -> str:
    more = "" if len(late) <= _SHOWN else f" and {len(late) - _SHOWN} more"
    return ", ".join(f"request {one.id}" for one in late[:_SHOWN]) + more
