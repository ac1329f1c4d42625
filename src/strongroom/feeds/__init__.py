"""Delivers to other systems: notices of alarms to people, and the log itself to what collects logs [1.6, 2.6]."""

from strongroom.feeds.notice import Notice, Outbox, Step

__all__ = ["Notice", "Outbox", "Step"]
