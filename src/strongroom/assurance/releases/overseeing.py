"""What releases tell of the duty they serve: each was scanned before it was made, and what runs here is one [2.7]."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

from strongroom.assurance.releases.releases import Release, Releases
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict

SCANNED: Final = DutyId("2.7-e")
PATH: Final = "/releases"
OURS: Final = "strongroom"
"""The product that this installation is."""
_WITHIN: Final = timedelta(days=1)
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Deployed:
    """What runs here; `commit` None where the package does not say."""

    version: str
    commit: str | None


def deployed() -> Deployed:
    """Return what runs here, by the package's own word (PEP 610 for the commit)."""
    try:
        package = distribution(OURS)
    except PackageNotFoundError:
        return Deployed("unknown", None)
    try:
        origin = json.loads(package.read_text("direct_url.json") or "{}")
        commit = origin.get("vcs_info", {}).get("commit_id")
    except (ValueError, AttributeError):
        commit = None
    return Deployed(package.version, commit if isinstance(commit, str) else None)


@dataclass(frozen=True, slots=True)
class ReleasesOverseen:
    """The part of releases in keeping duties."""

    releases: Releases
    deployed: Deployed

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return whether each release has its scans, and what runs here is one."""
        del now
        return {SCANNED: self._scanned(self.releases.listed())}

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return what waits for its approval, and that what runs here has no record."""
        listed = self.releases.listed()
        for one in listed:
            if one.state == "pending":
                what = f"Approve or withdraw release {one.id}"
                by = one.recorded_at + _WITHIN
                yield Due(what, f"{PATH}/{one.id}", by, office=Office.DEV_LEAD, duty=SCANNED)
        if not self._running(listed):
            what = f"Record the release that runs here, {OURS} {self.deployed.version}"
            yield Due(what, PATH, now + _WITHIN, office=Office.DEV_LEAD, duty=SCANNED)

    def _running(self, listed: list[Release]) -> Release | None:
        """Return the release that runs here."""
        for one in listed:
            same = (one.product, one.version) == (OURS, self.deployed.version)
            if same and one.state == "released" and self.deployed.commit in (None, one.commit):
                return one
        return None

    def _scanned(self, listed: list[Release]) -> Finding:
        counted = [one for one in listed if one.state == "released"]
        proof = tuple(
            f"release {one.id}: {one.product} {one.version}, commit {one.commit[:12]}, scans "
            + ", ".join(f"{scan.number} ({scan.kind})" for scan in one.scans)
            for one in counted[:_SHOWN]
        )
        for one in counted:
            if (fault := self.releases.standing(one)) is not None:
                why = f"release {one.id} ({one.product} {one.version}): {fault}"
                remedy = "withdraw it, scan its commit, and record it again"
                return Finding(Verdict.FAIL, why, proof, remedy)
        if self._running(listed) is None:
            return Finding(
                Verdict.FAIL,
                f"{OURS} {self.deployed.version} runs here, and no release of it is on record",
                proof,
                f"import the scans of its commit and record the release at {PATH}, or with strongroom release record",
            )
        why = f"each of {len(counted)} releases was scanned before it was made, the one that runs here too"
        return Finding(Verdict.PASS, why, proof)
