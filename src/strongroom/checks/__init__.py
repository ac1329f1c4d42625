"""Looks at the live system for each enforced or verified duty, and tells what it found [2.2, 3]."""

from strongroom.checks.all import CHECKS
from strongroom.checks.check import Check
from strongroom.checks.running import Checks, Ran

__all__ = ["CHECKS", "Check", "Checks", "Ran"]
