"""Which pages the head of every page leads to, in which order, and who sees them there. Pure.

A page that is for nobody but some is led to for those alone; its door asks again.
"""

from dataclasses import dataclass
from typing import Final

from strongroom.desk.exchange import ADMINISTERS, HANDLES, OVERSEES, READS_LOG, REVEALS
from strongroom.terms import Action

_ANYBODY: Final[frozenset[Action]] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    """One page."""

    path: str
    name: str
    needs: frozenset[Action] = OVERSEES
    offices: bool = False
    """Who fills an office sees it, too."""
    auditors: bool = False
    """An auditor who is let in sees it, too."""


@dataclass(frozen=True, slots=True)
class Section:
    """Pages of one kind."""

    name: str
    entries: tuple[Entry, ...]


SECTIONS: Final = (
    Section(
        "Overview",
        (
            Entry("/today", "Today", _ANYBODY),
            Entry("/clauses", "Clauses", offices=True, auditors=True),
            Entry("/cadence", "Cadence"),
        ),
    ),
    Section(
        "Cases",
        (
            Entry("/alarms", "Alarms"),
            Entry("/incidents", "Incidents"),
            Entry("/notices", "Notices"),
            Entry("/requests", "Requests", HANDLES),
            Entry("/reviews", "Reviews"),
        ),
    ),
    Section(
        "Records",
        (
            Entry("/processing", "Processing"),
            Entry("/documents", "Documents", _ANYBODY),
            Entry("/scope", "Scope", offices=True, auditors=True),
            Entry("/risks", "Risks", offices=True, auditors=True),
            Entry("/laws", "Laws", offices=True, auditors=True),
            Entry("/offices", "Roles"),
        ),
    ),
    Section(
        "Assurance",
        (
            Entry("/assets", "Assets"),
            Entry("/findings", "Findings"),
            Entry("/releases", "Releases"),
            Entry("/changes", "Changes"),
            Entry("/audit-room", "Audit room", auditors=True),
            Entry("/packs", "Packs", auditors=True),
            Entry("/staff", "Staff"),
            Entry("/suppliers", "Suppliers", auditors=True),
            Entry("/questionnaire", "Questionnaire"),
        ),
    ),
    Section(
        "Vault",
        (
            Entry("/retention", "Keys and retention"),
            Entry("/principals", "Principals and grants"),
            Entry("/destinations", "Destinations"),
            Entry("/drift", "Drift"),
            Entry("/reveal", "Reveal", REVEALS),
            Entry("/log", "Log", READS_LOG),
        ),
    ),
    Section(
        "Installation",
        (
            Entry("/settings", "Settings", ADMINISTERS),
            Entry("/network", "Network", ADMINISTERS),
            Entry("/locks", "Locks", ADMINISTERS),
        ),
    ),
    Section(
        "You",
        (
            Entry("/profile", "Profile", _ANYBODY),
            Entry("/sessions", "Sessions", _ANYBODY),
            Entry("/password", "Password", _ANYBODY),
            Entry("/factors", "Second factors", _ANYBODY),
        ),
    ),
)


def sections_for(
    may: frozenset[Action], *, in_office: bool = False, audits: bool = False
) -> list[Section]:
    """Return the sections that a person sees."""
    seen = (
        Section(
            section.name,
            tuple(
                entry
                for entry in section.entries
                if not entry.needs
                or entry.needs & may
                or (entry.offices and in_office)
                or (entry.auditors and audits)
            ),
        )
        for section in SECTIONS
    )
    return [section for section in seen if section.entries]
