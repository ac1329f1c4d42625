"""What Amazon's notices tell of the duties they serve: whether all that was asked for is done in time [1.7].

A closed notice is read from the log once for each process; one that is open, each time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.deletion.notice import Notice
from strongroom.deletion.notices import Notices
from strongroom.policy.deletion import Verdict as Found

CERTIFIED_WITHIN: Final = timedelta(days=5)
"""The house's own: Amazon names no day for the certificate."""

WITHIN_72_HOURS: Final = DutyId("1.7-a")
SANITIZED: Final = DutyId("1.7-c")
WITHIN_90_DAYS: Final = DutyId("1.7-d")
CERTIFIED: Final = DutyId("1.7-e")


@dataclass(slots=True)
class NoticesOverseen:
    """The notices' part in keeping duties."""

    notices: Notices
    _closed: dict[int, Notice] = field(default_factory=dict, init=False, repr=False)

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what is seen of each duty about notices."""
        every = self._all()
        found = {
            WITHIN_72_HOURS: _judged(
                every,
                [f"notice {one.id}: {late}" for one in every for late in _late(one, now)],
                "what was asked for is gone within 72 hours, or its clock still runs",
                "open the notice that is late: its page leads to what is missing",
            ),
            WITHIN_90_DAYS: _judged(
                every,
                [
                    f"notice {one.id} is not closed after 90 days"
                    for one in every
                    if one.state != "closed" and now > one.clocks.live_by
                ],
                "no notice is open after 90 days",
                "verify every store, have every party confirm, and close it",
            ),
            CERTIFIED: _judged(
                every,
                [
                    f"notice {one.id} has no certificate of how it stands"
                    for one in every
                    if one.erased_at is not None
                    and not _certified(one)
                    and now > one.received_at + CERTIFIED_WITHIN
                ],
                "what was carried out is certified in writing, or has days left for it",
                "answer for what can't be read, then sign the certificate on the notice's page",
            ),
        }
        erased = [one for one in every if one.erased_at is not None]
        if erased:
            # Without one, the keys that are destroyed every day prove the way it is done.
            found[SANITIZED] = _judged(
                erased,
                [f"notice {one.id}: {lack}" for one in erased for lack in _unclean(one)],
                "each store has its method of SP 800-88, and nothing was found in it afterwards",
                "erase again what was found, and verify",
            )
        return found

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return the clocks of open notices."""
        del now
        for one in self._all():
            if one.state == "closed":
                continue
            path, began = f"/notices/{one.id}", one.received_at
            if one.erased_at is None:
                what = f"Carry out notice {one.reference}"
                by, duty = one.clocks.erase_by, WITHIN_72_HOURS
            elif not _certified(one):
                what = f"Certify what was done for notice {one.reference}"
                by, duty = one.received_at + CERTIFIED_WITHIN, CERTIFIED
            else:
                what = f"Have everybody confirm notice {one.reference}, and close it"
                by, duty = one.clocks.live_by, WITHIN_90_DAYS
            yield Due(what, path, by, Office.PRIVACY_OWNER, duty=duty, began_at=began)

    def _all(self) -> list[Notice]:
        found = []
        for number in self.notices.numbers():
            one = self._closed.get(number) or self.notices.one(number)
            if one.state == "closed":
                self._closed[number] = one
            found.append(one)
        return found


def _judged(every: list[Notice], faults: list[str], well: str, remedy: str) -> Finding:
    open_ = sum(one.state != "closed" for one in every)
    counted = f"{len(every)} notices, {open_} open"
    proof = (counted, *(f"entry {_last(one)} of the log" for one in every[-5:]))
    if faults:
        return Finding(Verdict.FAIL, "; ".join(faults[:5]), proof, remedy)
    if not every:
        return Finding(Verdict.PASS, "Amazon asked for no deletion or return", (counted,))
    return Finding(Verdict.PASS, well, proof)


def _late(notice: Notice, now: datetime) -> list[str]:
    """Return what is late by the 72 hours."""
    if notice.state == "closed" or now <= notice.clocks.erase_by:
        return []
    late = [f"{party.name} has not confirmed" for party in notice.open_parties]
    return ["what it asks for is not gone", *late] if notice.erased_at is None else late


def _unclean(notice: Notice) -> list[str]:
    found = ((one.name, notice.after_run("verified", one.name)) for one in notice.stores)
    return [
        f"{name} still holds some of it"
        for name, fact in found
        if fact is not None and fact.content["verdict"] == Found.FOUND
    ]


def _certified(notice: Notice) -> bool:
    # Once it is closed what was looked for is forgotten, and the certificate stands.
    closed = notice.state == "closed"
    return notice.state == "certified" or (closed and ("certified", "") in notice.facts)


def _last(notice: Notice) -> int:
    return max(fact.event for fact in notice.facts.values())
