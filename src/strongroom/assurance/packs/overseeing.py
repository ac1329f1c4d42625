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
        last = self.packs.last()
        if last is None:
            return {
                INSPECT: Finding(
                    Verdict.FAIL,
                    "no pack of evidence was ever built and found sound",
                    remedy=f"build one at {PATH}",
                )
            }
        newest = self.packs.listed()[0]
        if not newest.sha256:
            return {
                INSPECT: Finding(
                    Verdict.FAIL,
                    "the last pack of evidence was refused",
                    (f"event {newest.event}",),
                    remedy=f"mend what it names, and build it again at {PATH}",
                )
            }
        return {
            INSPECT: Finding(
                Verdict.PASS,
                "a pack of evidence was built and passed the check that auditors use",
                (f"event {last.event}", f"SHA-256 {last.sha256}"),
                seen_at=last.at,
            )
        }

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return when the next trial is due."""
        last = self.packs.last()
        due_at = now if last is None else last.at + TRIED_EVERY
        yield Due(
            "Build a pack of evidence for trial",
            PATH,
            due_at,
            office=Office.EXECUTIVE,
            duty=INSPECT,
        )
