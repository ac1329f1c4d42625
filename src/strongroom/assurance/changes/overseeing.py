"""What changes tell of the duties they serve: stamps in order, no drift, named people, plan reviews [1.6, 2.7]."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.changes.change import EXPLAINS, Change, out_of_order
from strongroom.assurance.changes.changes import Changes, Drift
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict

PLAN: Final = DutyId("1.6-g")
STORAGE: Final = DutyId("2.7-f")
PEOPLE: Final = DutyId("2.7-g")
PATH: Final = "/changes"
PLAN_WITHIN: Final = timedelta(days=14)
"""From a major change to the review of the incident plan [1.6]."""
DRIFT_WITHIN: Final = timedelta(days=1)
"""How long somebody has to say which change it was."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class ChangesOverseen:
    """The part of changes in keeping duties."""

    changes: Changes
    plan_reviewed_at: Callable[[datetime], datetime | None]
    """When the incident plan was approved or reviewed last."""

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what it sees of each duty."""
        recent, drift = self.changes.recent(now), self.changes.drift()
        return {
            PLAN: self._planned(recent, drift, now),
            STORAGE: _stored(recent, drift),
            PEOPLE: self._named(now),
        }

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return what is to be done."""
        yield from self._dues_of_people(now)
        drift = self.changes.drift()
        who = Office.INFRA_ADMIN
        if drift.recorded is None:
            what = "Record what this installation lies on"
            yield Due(what, PATH, now + DRIFT_WITHIN, office=who, duty=STORAGE)
        recent = self.changes.recent(now)
        if drift.recorded is not None and (names := unexplained(recent, drift)):
            what = (
                f"Storage is not what was recorded ({', '.join(names[:_SHOWN])}): find its change"
            )
            yield Due(what, PATH, now, office=who, duty=STORAGE)
        for one in recent:
            if one.state in {"verify", "approve", "close"}:
                stamp = one.approved or one.verified or one.tested or one.opened
                by = stamp.at + PLAN_WITHIN
                what = f"Change {one.id} waits for: {one.state}"
                yield Due(what, f"{PATH}/{one.id}", by, office=who, duty=STORAGE)
        for one, by in self._unplanned(recent, now):
            yield Due(
                f"Review the incident plan after change {one.id}",
                "/documents/incident-plan",
                by,
                office=Office.INCIDENT_LEAD,
                duty=PLAN,
                began_at=one.done_at,
            )

    # -- private ---------------------------------------------------------------------------------

    def _unplanned(
        self, recent: Iterable[Change], now: datetime
    ) -> Iterator[tuple[Change, datetime]]:
        """Give the major changes that no review of the plan followed, with the day it is due."""
        reviewed = self.plan_reviewed_at(now)
        for one in recent:
            if one.closed is None or one.done_at is None or not one.major:
                continue
            if reviewed is None or reviewed <= one.done_at:
                yield one, one.done_at + PLAN_WITHIN

    def _planned(self, recent: list[Change], drift: Drift, now: datetime) -> Finding:
        major = [one for one in recent if one.closed is not None and one.major]
        waiting = list(self._unplanned(recent, now))
        proof = tuple(
            f"change {one.id}, done {one.done_at:%Y-%m-%d}, closed by principal {one.closed.by}"
            for one in major[:_SHOWN]
            if one.closed is not None
        )
        remedy = "review the incident plan: approve its next version, or record a review at /incidents/practice"
        if late := [one for one, by in waiting if now >= by]:
            why = f"no review of the incident plan followed within 14 days: {_some(late)}"
            return Finding(Verdict.FAIL, why, proof, remedy)
        if waiting:
            first = min(by for _, by in waiting)
            after = _some(one for one, _ in waiting)
            why = f"the incident plan is to be reviewed by {first:%Y-%m-%d}, after {after}"
            return Finding(Verdict.PASS, why, proof, remedy)
        if major:
            reviewed = self.plan_reviewed_at(now)
            after = f"incident plan reviewed {reviewed:%Y-%m-%d %H:%M}"
            why = f"a review of the incident plan followed each of {len(major)} major changes"
            return Finding(Verdict.PASS, why, (*proof, after))
        if not recent and drift.recorded is None:
            return Finding(
                Verdict.UNKNOWN,
                "no change was ever recorded, so nobody can tell whether one was major",
                remedy=f"record storage at {PATH}, and changes from now on",
            )
        return Finding(Verdict.PASS, f"none of {len(recent)} changes on record was major")

    def _named(self, now: datetime) -> Finding:
        places = self.changes.administrators.faults(now)
        approved = [(one, fault) for one, fault in places if one.approved_at is not None]
        proof = tuple(
            f"principal {one.person}: approved {one.approved_at:%Y-%m-%d} by principal {one.approved_by}"
            f", review due {one.review_by:%Y-%m-%d}"
            for one, fault in approved
            if fault is None
        )
        remedy = f"name storage administrators at {PATH}/people; another person approves each"
        if not approved:
            why = "nobody is named to change storage"
            return Finding(Verdict.FAIL, why, remedy=remedy)
        if bad := [(one, fault) for one, fault in approved if fault is not None]:
            first, fault = bad[0]
            why = f"{len(bad)} of {len(approved)} storage administrators: principal {first.person}, {fault}"
            return Finding(
                Verdict.FAIL, why, proof, "review the list, or take off who should not be on it"
            )
        who = "one named person" if len(approved) == 1 else f"{len(approved)} named people"
        why = f"{who} may change storage, approved by another and reviewed in time"
        if self.changes.one_person:
            why = "the one person of this home may change storage, and reviewed that in time"
        return Finding(Verdict.PASS, why, proof)

    def _dues_of_people(self, now: datetime) -> Iterator[Due]:
        places = self.changes.administrators.listed()
        who = Office.SECURITY_OWNER
        days = [one.review_by for one in places if one.review_by is not None]
        if not days:
            what = "Name who may change storage"
            yield Due(what, f"{PATH}/people", now + DRIFT_WITHIN, office=who, duty=PEOPLE)
        else:
            what = "Review who may change storage"
            yield Due(what, f"{PATH}/people", min(days), office=who, duty=PEOPLE)


def unexplained(recent: Iterable[Change], drift: Drift) -> list[str]:
    """Return the facts that differ by no approved change that is under way."""
    explained = {
        fact
        for one in recent
        if one.is_open and one.approved is not None
        for fact in EXPLAINS.get(one.kind, frozenset())
    }
    return [name for name in drift.names if name not in explained]


def _stored(recent: list[Change], drift: Drift) -> Finding:
    """Return whether storage is what was recorded, and each change of it has its stamps in order."""
    if drift.recorded is None:
        why = "nobody recorded what this installation lies on, so a change would not show"
        return Finding(
            Verdict.UNKNOWN,
            why,
            remedy=f"a storage administrator records it at {PATH}, or with strongroom change storage --record",
        )
    by = drift.recorded.change
    came = "first" if by is None else f"by change {by}"
    proof = (
        f"{len(drift.facts)} facts of storage, recorded {drift.recorded.at:%Y-%m-%d} ({came})",
    )
    if names := unexplained(recent, drift):
        return Finding(
            Verdict.FAIL,
            f"storage is not what was recorded: {', '.join(names)}",
            proof,
            "have the change that explains it approved and close it, or put storage back",
        )
    done = [one for one in recent if one.is_storage and one.closed is not None]
    for one in done:
        if (fault := out_of_order(one)) is not None:
            return Finding(
                Verdict.FAIL, f"change {one.id}: {fault}", proof, "tell the security owner"
            )
    why = "storage is what was recorded"
    if drift.names:
        why = f"storage differs by an approved change that is under way: {', '.join(drift.names)}"
    if done:
        why += f", and each of {len(done)} changes of it was tested, verified, approved and done in order"
    listed = tuple(f"change {one.id}, evidence {one.evidence}" for one in done[:_SHOWN])
    return Finding(Verdict.PASS, why, (*proof, *listed))


def _some(changes: Iterable[Change]) -> str:
    numbers = [one.id for one in changes]
    more = len(numbers) - _SHOWN
    listed = ", ".join(f"change {number}" for number in numbers[:_SHOWN])
    return listed + (f" and {more} more" if more > 0 else "")
