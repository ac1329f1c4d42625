"""Watches the log and raises alarms: who is alarmed by what, and what follows [1.2, 1.6, 2.6]."""

from strongroom.alarms.acting import Acting, Suspension
from strongroom.alarms.alarms import Alarms
from strongroom.alarms.clocks import DRILL_EVERY, Called, Disposition
from strongroom.alarms.drill import Drilled, Drills
from strongroom.alarms.investigations import Investigations
from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal
from strongroom.alarms.mutes import Mute
from strongroom.alarms.outside import Outside, tampered
from strongroom.alarms.store import Alarm
from strongroom.alarms.watch import Watch

__all__ = [
    "DRILL_EVERY",
    "Acting",
    "Alarm",
    "AlarmKind",
    "Alarms",
    "Called",
    "Disposition",
    "Drilled",
    "Drills",
    "Investigations",
    "Mute",
    "Outside",
    "Response",
    "Severity",
    "Signal",
    "Suspension",
    "Watch",
    "tampered",
]
