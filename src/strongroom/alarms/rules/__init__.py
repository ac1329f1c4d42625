"""The rules that watch the log, pure: entries and the passing of time in, signals out [2.6]."""

from typing import Final

from strongroom.alarms.rule import Rule
from strongroom.alarms.rules.archives import ArchiveAtRisk
from strongroom.alarms.rules.asked import RequestDue
from strongroom.alarms.rules.backups import BackupMissing
from strongroom.alarms.rules.boundary import BoundaryCrossed, NewDestination
from strongroom.alarms.rules.budgets import BudgetSpent
from strongroom.alarms.rules.canaries import CanaryTouched
from strongroom.alarms.rules.cases import Case
from strongroom.alarms.rules.deletions import NoticeOverdue
from strongroom.alarms.rules.disposal import SweepLate
from strongroom.alarms.rules.evidence import ClockJumped, LogSilent, LogTampered
from strongroom.alarms.rules.others import ChannelDown, WitnessRefused
from strongroom.alarms.rules.parameters import Parameters
from strongroom.alarms.rules.rates import RequestRate
from strongroom.alarms.rules.refusals import UnauthorizedCalls
from strongroom.alarms.rules.roots import RootUnreachable
from strongroom.alarms.rules.signing_on import SignOnAnomaly
from strongroom.alarms.rules.volumes import RetrievalVolume, SlowDrain

__all__ = ["CASES", "Case", "Parameters", "all_rules"]

_RULES: Final = (
    UnauthorizedCalls,
    RequestRate,
    RetrievalVolume,
    SlowDrain,
    BudgetSpent,
    CanaryTouched,
    BoundaryCrossed,
    NewDestination,
    SignOnAnomaly,
    LogTampered,
    LogSilent,
    ClockJumped,
    SweepLate,
    WitnessRefused,
    ChannelDown,
    BackupMissing,
    ArchiveAtRisk,
    RequestDue,
    NoticeOverdue,
    RootUnreachable,
)
_DEFAULT: Final = Parameters()

CASES: Final[tuple[Case, ...]] = tuple(case for rule in _RULES for case in rule.cases)
"""All that the rules may say."""


def all_rules(parameters: Parameters = _DEFAULT) -> list[Rule]:
    """Return one new rule of each kind, in the order of the kinds."""
    return [rule(parameters) for rule in _RULES]
