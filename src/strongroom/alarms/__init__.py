"""Watches the log and raises alarms: who is alarmed by what, and what follows [1.2, 1.6, 2.6]."""

from strongroom.alarms.kinds import AlarmKind, Response, Severity, Signal

__all__ = ["AlarmKind", "Response", "Severity", "Signal"]
