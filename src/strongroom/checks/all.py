"""Every check, by topic."""

from typing import Final

from strongroom.checks import retention
from strongroom.checks.check import Check

CHECKS: Final[tuple[Check, ...]] = (*retention.CHECKS,)
