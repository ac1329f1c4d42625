"""Reads reports of scanners: SARIF, CycloneDX with VEX, Trivy, pip-audit, bandit, ruff, and tables. Pure."""

from strongroom.assurance.scans.formats.all import FORMATS, read

__all__ = ["FORMATS", "read"]
