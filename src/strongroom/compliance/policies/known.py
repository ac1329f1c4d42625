"""Fills in what the home knows already of a new draft: who holds which office [1.6]."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from strongroom.compliance.offices import Offices, Part
from strongroom.compliance.overseen import Office
from strongroom.compliance.people import People

_HELD: Final[Mapping[tuple[Office, Part], str]] = {
    (Office.AMAZON_CONTACT, Part.HOLDER): "amazon_contact",
    (Office.DEV_LEAD, Part.HOLDER): "dev_lead",
    (Office.EXECUTIVE, Part.HOLDER): "executive",
    (Office.INCIDENT_LEAD, Part.DEPUTY): "incident_deputy",
    (Office.INCIDENT_LEAD, Part.HOLDER): "incident_lead",
    (Office.INFRA_ADMIN, Part.HOLDER): "infra_admin",
    (Office.PRIVACY_OWNER, Part.HOLDER): "privacy_owner",
    (Office.SECURITY_OWNER, Part.HOLDER): "security_owner",
}


def known_of(offices: Offices, people: People, now: datetime) -> dict[str, str]:
    """Return the blanks that the offices answer, as far as somebody fills them at this instant."""
    return {
        _HELD[seat.office, seat.part]: people.name_of(seat.person)
        for seat in offices.seats(now)
        if seat.person is not None and seat.fault is None and (seat.office, seat.part) in _HELD
    }
