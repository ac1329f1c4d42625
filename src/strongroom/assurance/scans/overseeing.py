"""What scans tell of the duties they serve: scans in time, findings mended in time, no secret in public [2.5, 2.7].

Only a complete report passes anything. What nobody scanned yet, or what a scan left out, is unknown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.assurance.scans.rows import found, is_accepted, is_open
from strongroom.assurance.scans.scan import Scan, ScanKind, Target
from strongroom.assurance.scans.scans import NO_REPOSITORY, Scans
from strongroom.assurance.scans.spans import (
    MENDED,
    REGULAR,
    REPOSITORIES,
    SCANNED,
    scanned_every,
    tested_every,
)
from strongroom.assurance.scans.vulnerabilities import Vulnerabilities
from strongroom.compliance.duties.catalogue import Edition
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.db.engine import Database
from strongroom.policy.limits import REPOSITORIES_LISTED, REPOSITORIES_SCANNED
from strongroom.terms import SYSTEM

PATH: Final = "/findings"
SCANS_PATH: Final = "/findings/scans"
FIRST_WITHIN: Final = timedelta(days=7)
"""How long something may wait for its first scan, and a request for its approval."""
ENDS_SOON: Final = timedelta(days=14)
_NAMED: Final = 3
_MOST: Final = 20

Hosts = Callable[[], Sequence[tuple[int, datetime]]]
"""Gives the hosts with personal data that the inventory has, by number, with since when."""

ASSET: Final = "asset-"
"""Begins the name under which a scan of an asset of the inventory is imported; its number follows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How something stands that is to be scanned."""

    target: Target
    newest: Scan | None
    complete: Scan | None
    """The newest that is complete."""
    due_at: datetime
    verdict: Verdict
    why: str


class ScansOverseen:
    """Asked by the board, the pages of today and of the calendar, and the mails."""

    def __init__(
        self,
        database: Database,
        scans: Scans,
        vulnerabilities: Vulnerabilities,
        edition: Edition,
        hosts: Hosts = tuple,
    ) -> None:
        self._database = database
        self._scans = scans
        self._vulnerabilities = vulnerabilities
        self._edition = edition
        self._hosts = hosts

    def standings(self, now: datetime) -> list[Standing]:
        """Return how everything stands that is to be scanned, those of the inventory with it."""
        declared = self._scans.targets()
        known = {one.name for one in declared if one.kind is ScanKind.HOST}
        # By number: a name may be somebody's, and an asset may change it.
        assets = [(f"{ASSET}{number}", since) for number, since in self._hosts()]
        declared += [
            Target(0, name, ScanKind.HOST, SYSTEM.principal, since)
            for name, since in assets
            if name not in known
        ]
        newest = self._scans.newest_of(declared)
        return [
            self._standing(one, *scans, now)
            for one, scans in zip(declared, newest, strict=True)
            if one.name != NO_REPOSITORY or one.kind is not ScanKind.SECRETS
        ]

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what is seen of each duty."""
        all_ = self.standings(now)
        return {
            SCANNED: _of(
                [one for one in all_ if one.target.kind is ScanKind.HOST],
                "hosts with personal data",
                "no host with personal data is declared to be scanned",
            ),
            REGULAR: self._regular(
                [one for one in all_ if one.target.kind is not ScanKind.SECRETS], now
            ),
            MENDED: self._mended(now),
            REPOSITORIES: self._repositories(
                [one for one in all_ if one.target.kind is ScanKind.SECRETS], now
            ),
        }

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return the next scan of each target, what has to be mended next, and what waits for somebody."""
        for one in self.standings(now):
            duty = {ScanKind.HOST: SCANNED, ScanKind.SECRETS: REPOSITORIES}.get(
                one.target.kind, REGULAR
            )
            what = f"Scan {one.target.name} ({one.target.kind})"
            yield Due(what, SCANS_PATH, one.due_at, office=Office.DEV_LEAD, duty=duty)
        none = self._no_repository()
        if none is not None:
            due = none.declared_at + REPOSITORIES_LISTED
            what = "Say again that there is no public repository"
            yield Due(what, SCANS_PATH, due, office=Office.DEV_LEAD, duty=REPOSITORIES)
        every = tested_every(self._edition)
        last = self._scans.newest_complete(ScanKind.PENTEST)
        if every is not None and last is not None:
            what = "Have a penetration test made"
            due = last.scanned_at + every
            yield Due(what, SCANS_PATH, due, office=Office.DEV_LEAD, duty=REGULAR)
        yield from self._to_mend(now)
        for excuse in self._vulnerabilities.waiting(now)[:_MOST]:
            path = f"{PATH}/{excuse.vulnerability}"
            what = f"Approve or reject an excuse of finding {excuse.vulnerability}"
            yield Due(
                what, path, excuse.asked_at + FIRST_WITHIN, office=Office.DEV_LEAD, duty=MENDED
            )

    # -- private ---------------------------------------------------------------------------------

    def _every(self, kind: ScanKind) -> timedelta:
        if kind is ScanKind.SECRETS:
            return REPOSITORIES_SCANNED
        return scanned_every(SCANNED if kind is ScanKind.HOST else REGULAR, self._edition)

    def _standing(
        self, target: Target, newest: Scan | None, complete: Scan | None, now: datetime
    ) -> Standing:
        every = self._every(target.kind)
        if complete is not None and now < complete.scanned_at + every:
            due = complete.scanned_at + every
            return Standing(target, newest, complete, due, Verdict.PASS, f"scan {complete.number}")
        if newest is not None and now < newest.scanned_at + every:
            # There is a report in time, and it says nothing: it is not known how the target is.
            due = newest.scanned_at if complete is None else complete.scanned_at + every
            return Standing(target, newest, complete, due, Verdict.UNKNOWN, newest.why)
        if complete is None:
            due = target.declared_at + FIRST_WITHIN
            late = now >= target.declared_at + every
            why = "it was never scanned as a whole"
            return Standing(
                target, newest, None, due, Verdict.FAIL if late else Verdict.UNKNOWN, why
            )
        due = complete.scanned_at + every
        why = f"its newest scan is of {complete.scanned_at.date().isoformat()}"
        return Standing(target, newest, complete, due, Verdict.FAIL, why)

    def _regular(self, all_: Sequence[Standing], now: datetime) -> Finding:
        scanned = _of(all_, "targets", "nothing is declared to be scanned")
        every = tested_every(self._edition)
        if every is None or scanned.verdict is not Verdict.PASS:
            return scanned
        last = self._scans.newest_complete(ScanKind.PENTEST)
        remedy = f"record the report of a penetration test at {SCANS_PATH}"
        if last is None:
            return Finding(
                Verdict.UNKNOWN, "no penetration test is recorded", scanned.proof, remedy
            )
        proof = (*scanned.proof, f"scan {last.number}: SHA-256 {last.sha256}")
        day = last.scanned_at.date().isoformat()
        if now >= last.scanned_at + every:
            why = f"the last penetration test is of {day}, longer ago than {every.days} days"
            return Finding(Verdict.FAIL, why, proof, remedy)
        return Finding(Verdict.PASS, f"{scanned.why}; the last penetration test is of {day}", proof)

    def _mended(self, now: datetime) -> Finding:
        counts = self._vulnerabilities.counts(now)
        number = sum(counts.open.values())
        if counts.overdue:
            why = f"{counts.overdue} of {number} open findings are past their day"
            remedy = f"mend those at {PATH}, or have their risk accepted, and scan again"
            return Finding(Verdict.FAIL, why, remedy=remedy)
        oldest = now - scanned_every(REGULAR, self._edition)
        last = self._scans.newest_scan()
        if last is None or last.scanned_at < oldest:
            why = "no complete scan is recent enough to tell what is to be mended"
            return Finding(Verdict.UNKNOWN, why, remedy=f"import a complete scan at {PATH}/import")
        why = (
            f"none of {number} open findings is past its day, {counts.accepted} risks are accepted"
        )
        return Finding(Verdict.PASS, why, (f"scan {last.number}: SHA-256 {last.sha256}",))

    def _repositories(self, all_: Sequence[Standing], now: datetime) -> Finding:
        none = self._no_repository()
        if none is not None:
            if now < none.declared_at + REPOSITORIES_LISTED:
                day = none.declared_at.date().isoformat()
                return Finding(
                    Verdict.PASS, f"that there is no public repository was said on {day}"
                )
            why = f"that there is no public repository was said {REPOSITORIES_LISTED.days} days ago"
            return Finding(Verdict.UNKNOWN, why, remedy=f"say it again at {SCANS_PATH}")
        names = [one.target.name for one in all_]
        shown = self._shown_secrets(names, now)
        if shown:
            why = f"{shown} secrets in public repositories are open findings"
            remedy = "change each secret, take it out of the repository, and scan again"
            return Finding(Verdict.FAIL, why, remedy=remedy)
        return _of(all_, "public repositories", "no public repository is listed, nor that none is")

    def _shown_secrets(self, names: Sequence[str], now: datetime) -> int:
        query = sa.select(sa.func.count()).where(
            is_open(now), found.c.kind == ScanKind.SECRETS.value, found.c.target.in_(names)
        )
        with self._database.read() as tx:
            return int(tx.execute(query).scalar_one()) if names else 0

    def _no_repository(self) -> Target | None:
        for one in self._scans.targets():
            if one.kind is ScanKind.SECRETS and one.name == NO_REPOSITORY:
                return one
        return None

    def _to_mend(self, now: datetime) -> Iterator[Due]:
        overdue = self._vulnerabilities.counts(now).overdue
        with self._database.read() as tx:
            dues = sa.select(found.c.id, found.c.due_at, found.c.seen_at).order_by(
                found.c.urgency.desc()
            )
            first = tx.execute(dues.where(is_open(now), found.c.due_at <= now).limit(1)).first()
            coming = tx.execute(dues.where(is_open(now), found.c.due_at > now).limit(_MOST)).all()
            ending = tx.execute(
                sa.select(found.c.id, found.c.excused_until)
                .where(is_accepted(now), found.c.excused_until < now + ENDS_SOON)
                .limit(_MOST)
            ).all()
        if first is not None:
            what = f"Mend {overdue} findings past their day"
            yield Due(what, PATH, first.due_at, office=Office.DEV_LEAD, duty=MENDED)
        for row in coming:
            yield Due(
                f"Mend finding {row.id}",
                f"{PATH}/{row.id}",
                row.due_at,
                office=Office.DEV_LEAD,
                duty=MENDED,
                began_at=row.seen_at,
            )
        for number, until in ending:
            what = f"An accepted risk ends: finding {number}"
            path = f"{PATH}/{number}"
            yield Due(what, path, until, office=Office.DEV_LEAD, duty=MENDED)


def _of(all_: Sequence[Standing], what: str, none: str) -> Finding:
    """Return one verdict of all: the worst, with the first few that have it."""
    if not all_:
        return Finding(Verdict.UNKNOWN, none, remedy=f"declare them at {SCANS_PATH}")
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        bad = [one for one in all_ if one.verdict is verdict]
        if bad:
            named = "; ".join(f"{one.target.name}: {one.why}" for one in bad[:_NAMED])
            more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
            remedy = f"import a complete scan of each at {PATH}/import"
            return Finding(verdict, f"{len(bad)} of {len(all_)} {what}: {named}{more}", (), remedy)
    proof = tuple(
        f"scan {one.complete.number}: SHA-256 {one.complete.sha256}"
        for one in all_[:_MOST]
        if one.complete is not None
    )
    return Finding(Verdict.PASS, f"all {len(all_)} {what} have a complete scan in time", proof)
