"""Every check, by topic."""

from typing import Final

from strongroom.checks import (
    access,
    alarms,
    clocks,
    exposure,
    keys,
    log,
    network,
    passwords,
    retention,
    scope,
)
from strongroom.checks.check import Check

CHECKS: Final[tuple[Check, ...]] = tuple(
    check
    for topic in (
        network,
        exposure,
        access,
        passwords,
        clocks,
        retention,
        scope,
        keys,
        log,
        alarms,
    )
    for check in topic.CHECKS
)
