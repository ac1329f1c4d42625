"""Reads reports of scanners: SARIF, CycloneDX with VEX, Trivy, pip-audit, bandit, ruff, and tables. Pure."""

from strongroom.assurance.scans.formats.all import FORMATS, read
from strongroom.assurance.scans.formats.table import COLUMNS

__all__ = ["COLUMNS", "FORMATS", "read"]
