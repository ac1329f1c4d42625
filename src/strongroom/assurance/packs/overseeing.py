"""What packs tell of the duty they serve: that Amazon may inspect, and finds what it needs prepared [3]."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.packs.packs import Packs
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict

INSPECT: Final = DutyId("3-d")
PATH: Final = "/packs"
TRIED_EVERY: Final = timedelta(days=182)
"""How often a pack is built for trial, so that one is there when an auditor asks."""


@dataclass(frozen=True, slots=True)
class PacksOverseen:
    """The part of packs in keeping duties."""

    packs: Packs

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return what it sees of the duty: the last pack that passed the auditor's own check."""
        del now
        newest = next(iter(self.packs.listed()), None)
        if newest is None:
            found = Finding(
                Verdict.FAIL,
                "no pack of evidence was ever built",
                remedy=f"build one at {PATH}",
            )
        elif not newest.sha256:
            found = Finding(
                Verdict.FAIL,
                "the last pack of evidence was refused",
                (f"event {newest.event}",),
                remedy=f"mend what it names, and build it again at {PATH}",
            )
        else:
            found = Finding(
                Verdict.PASS,
                "a pack of evidence was built and passed the check that auditors use",
                (f"event {newest.event}", f"SHA-256 {newest.sha256}"),
                seen_at=newest.at,
            )
        return {INSPECT: found}

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return when the next trial is due."""
        sound = next((one for one in self.packs.listed() if one.sha256), None)
        due_at = now if sound is None else sound.at + TRIED_EVERY
        yield Due(
            "Build a pack of evidence for trial",
            PATH,
            due_at,
            office=Office.EXECUTIVE,
            duty=INSPECT,
        )
