"""Security Incidents: cases and their clocks, playbooks, what Amazon is told, and what keeps the plan alive [1.6]."""

from strongroom.compliance.incidents.cases import Cases, Shown
from strongroom.compliance.incidents.containing import Measure
from strongroom.compliance.incidents.incidents import Incidents, Mailing
from strongroom.compliance.incidents.kinds import PHASES, IncidentKind, Phase, kinds
from strongroom.compliance.incidents.practice import Practice
from strongroom.compliance.incidents.report import report_lines
from strongroom.compliance.incidents.store import Case, Entry, Practised
from strongroom.compliance.incidents.telling import GUARDED, RULE, Attached, Recipient

__all__ = [
    "GUARDED",
    "PHASES",
    "RULE",
    "Attached",
    "Case",
    "Cases",
    "Entry",
    "IncidentKind",
    "Incidents",
    "Mailing",
    "Measure",
    "Phase",
    "Practice",
    "Practised",
    "Recipient",
    "Shown",
    "kinds",
    "report_lines",
]
