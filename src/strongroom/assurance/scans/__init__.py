"""Scans, what they found, and until when it is mended [2.5, 2.7]."""

from strongroom.assurance.scans.overseeing import ScansOverseen
from strongroom.assurance.scans.parsed import Declared
from strongroom.assurance.scans.scan import (
    Quality,
    Scan,
    ScanKind,
    Severity,
    State,
    Target,
    Vulnerability,
)
from strongroom.assurance.scans.scans import NO_REPOSITORY, Assessment, Scans
from strongroom.assurance.scans.vulnerabilities import Filter, Vulnerabilities

__all__ = [
    "NO_REPOSITORY",
    "Assessment",
    "Declared",
    "Filter",
    "Quality",
    "Scan",
    "ScanKind",
    "Scans",
    "ScansOverseen",
    "Severity",
    "State",
    "Target",
    "Vulnerabilities",
    "Vulnerability",
]
