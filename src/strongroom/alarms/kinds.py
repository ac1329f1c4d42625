"""The words of alarms: what may be wrong, how bad it is, what is done at once, and one sign of it [2.6].

Pure. A signal names people and things by number or pseudonym and its evidence by the numbers of log entries: nothing
that a person typed, and no value.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from strongroom.terms import PrincipalId


class AlarmKind(StrEnum):
    """What an alarm is about; docs/runbooks/ has a page for each."""

    UNAUTHORIZED_CALLS = "unauthorized_calls"
    """Many refusals of one principal or address, or of many different things in a row [2.6]."""
    REQUEST_RATE = "request_rate"
    """Requests beyond what this principal does at this hour of the week [2.6]."""
    RETRIEVAL_VOLUME = "retrieval_volume"
    """A burst of personal data beyond the principal's own baseline [2.6]."""
    SLOW_DRAIN = "slow_drain"
    """Day after day a little more personal data than before [2.6]."""
    BUDGET_SPENT = "budget_spent"
    """A budget of records refused somebody [1.3]."""
    CANARY_TOUCHED = "canary_touched"
    """A record that nobody has a reason to open was asked for [2.6]."""
    BOUNDARY_CROSSED = "boundary_crossed"
    """Personal data was opened and not delivered where it may go, or was found on its way elsewhere [2.6]."""
    NEW_DESTINATION = "new_destination"
    """Something that leaves the house has a new address or format [2.6]."""
    SIGN_ON_ANOMALY = "sign_on_anomaly"
    """Guessing, spraying, sessions in impossible places, tired second factors, new devices, lockouts [1.2]."""
    LOG_TAMPERED = "log_tampered"
    """The log, its copy or its database file is not what was recorded [2.6]."""
    LOG_SILENT = "log_silent"
    """A heartbeat or a number is missing: something was not recorded, or a node stopped [2.6]."""
    CLOCK_JUMPED = "clock_jumped"
    """The machine's clock and the clock nobody sets disagree [2.6]."""
    SWEEP_LATE = "sweep_late"
    """What is due is not destroyed in time: a sweep failed or did not come [2.1]."""
    WITNESS_REFUSED = "witness_refused"
    """A witness, a timestamping authority or a copy does not take what the log is now [2.6]."""
    CHANNEL_DOWN = "channel_down"
    """A way by which alarms reach people does not work [1.6]."""
    BACKUP_MISSING = "backup_missing"
    """A backup or its drill is late or failed, or a copy of the keystore outlives its time [2.1]."""
    ARCHIVE_AT_RISK = "archive_at_risk"
    """What a law requires can't be archived, or a duty about holds and archives is late [2.1]."""
    REQUEST_DUE = "request_due"
    """Somebody's request about their own data waits too long, or somebody reached for its answer [2.2]."""
    NOTICE_OVERDUE = "notice_overdue"
    """What a notice of Amazon's asks for is not done, or not confirmed, as its clocks end [1.7]."""
    ROOT_UNREACHABLE = "root_unreachable"
    """The provider of the root key does not open it: keys may be put away, and a restart would fail [2.4]."""


class Severity(StrEnum):
    """How soon somebody has to look: within days, a day, an hour, at once."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Response(StrEnum):
    """What is done at once, before anybody looks; each includes to notify."""

    NOTIFY = "notify"
    STEP_UP = "step_up"
    """A person proves again who it is before the next sensitive action."""
    THROTTLE = "throttle"
    """The principal is slowed for a while."""
    SUSPEND = "suspend"
    """The principal's grants let nothing out until somebody lifts it."""
    FREEZE = "freeze"
    """As suspended, and its sessions, tokens and secrets are refused as well."""


MUTE_OP: Final = "mute"
"""Of `alarm.changed`: nobody is told of a kind of alarm for a while."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign that something is wrong.

    `key` tells which open alarm it belongs to: a second signal of the same key is counted there. `evidence` are the
    numbers of at most 20 log entries; `count` is how many there were in all. `target` is a pseudonym, a number or an
    identifier of the log where no principal is concerned.
    """

    kind: AlarmKind
    severity: Severity
    response: Response
    key: str
    at: datetime
    principal: PrincipalId | None = None
    target: str | None = None
    count: int = 1
    evidence: tuple[int, ...] = ()
