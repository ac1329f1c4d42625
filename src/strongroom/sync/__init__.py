"""Pulls orders, reports and notifications for those who have no app of their own [1.3, 2.1]."""

from strongroom.sync.dates import Dates
from strongroom.sync.runs import Sync, Wanted
from strongroom.sync.told import Run, State

__all__ = ["Dates", "Run", "State", "Sync", "Wanted"]
