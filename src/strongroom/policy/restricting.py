"""What may still be done with the data of somebody who had it restricted, or objected (GDPR 18(2), 21(1)) [2.2].

Pure. It may be kept, and shown to whoever answers that person's own request. For anything else the law names few
grounds; somebody asks for one, for one principal and some days, and another person approves it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.errors import Malformed
from strongroom.terms import Action, Purpose

LONGEST_PERMIT: Final = timedelta(days=30)


class Ground(StrEnum):
    """Why restricted data is read all the same."""

    LEGAL_CLAIMS = "legal_claims"
    ANOTHER_PERSONS_RIGHTS = "another_persons_rights"
    PUBLIC_INTEREST = "public_interest"
    CONSENT = "consent"


def is_own_request(action: Action, purpose: Purpose) -> bool:
    """Say whether this answers a person's own request; handing data to third parties never does."""
    return purpose is Purpose.SUBJECT_REQUEST and action is not Action.RELAY


def permit_ends(now: datetime, lifetime: timedelta) -> datetime:
    """Return when a permit ends. Raises: Malformed where it would last too long, or not at all."""
    if not timedelta(0) < lifetime <= LONGEST_PERMIT:
        raise Malformed(f"a permit lasts 1 to {LONGEST_PERMIT.days} days")
    return now + lifetime
